"""`bench run --config FILE.toml`: options and settings from a file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import typer

from bench.errors import BenchError, did_you_mean

CONFIG_SETTINGS = "bench.settings"
"""Where in the context the settings of a TOML file wait for those of the command line."""


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Makes a TOML file's values the defaults of the command line. Raises BenchError on a file that is not one."""
    if path is None:
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"--config {path} cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise BenchError(f"--config {path} is not TOML: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"--config {path} is not TOML: {error}") from None
    settings = content.pop("set", {})
    if not isinstance(settings, dict):
        raise BenchError(f"--config {path}: set is a table of settings, as in [set] and below it training.epochs = 8")
    context.meta[CONFIG_SETTINGS] = [
        f"{key}={json.dumps(value, default=str)}" for key, value in _flat(settings).items()
    ]
    known = {parameter.name for parameter in context.command.params if parameter.name not in ("settings", "config")}
    defaults = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            options = [str(option).replace("_", "-") for option in known]
            raise BenchError(f"--config {path} has no option {key!r}: {did_you_mean(key, options)}")
        if isinstance(value, list) and name not in ("features", "models"):
            raise BenchError(f"--config {path}: {key} takes one value, not the list {value}")
        if isinstance(value, bool) != (name == "dry_run") or not isinstance(value, str | int | float | list):
            kind = "true or false" if name == "dry_run" else "text or a number"
            raise BenchError(f"--config {path}: {key} cannot be {value!r}: write {kind}")
        defaults[name] = ",".join(str(item) for item in value) if isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    """`{"training": {"epochs": 3}}` as `{"training.epochs": 3}`."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat

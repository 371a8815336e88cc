"""The command line of `RunOptions`: flags, help and panels are made from its fields, and so is what was given."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

import typer

from bench.errors import WrongUsage, did_you_mean
from bench.options import RunOptions, flag, option, parse_settings

METAVARS = {int: "<int>", float: "<float>", Path: "<path>", str: "<str>"}


def flag_of(name: str, *, help: str = "", default: str = "") -> Any:
    """The annotation of a verb's parameter that is a field of `RunOptions`: `Annotated[str | None, ...]`.

    Values stay text here, since `RunOptions` checks them; only switches and repeatable options have types of their own.

    Args:
        name: The field.
        help: Help instead of the field's own text.
        default: What the default comes to, instead of what the field says.
    """
    field, shown = RunOptions.model_fields[name], option(name)
    text = " ".join((help or field.description or "").split()).replace("[", "\\[")
    known = default or shown.default or ("" if field.default in ("", {}, ()) else str(field.default))
    switch, repeatable = field.annotation is bool, name == "settings"
    kind: Any = bool if switch else list[str] if repeatable else str
    flags = typer.Option(
        flag(name),
        *([shown.short] if shown.short else []),
        help=text if switch or not known else f"{text}  \\[default: {known}]",
        metavar=None if switch else shown.metavar or _metavar(field.annotation),
        envvar=shown.environment or None,
        show_default=False,
        show_envvar=bool(shown.environment),
        rich_help_panel=shown.panel,
    )
    return Annotated[kind | None, flags]


def takes_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a verb every field of `RunOptions` as an option, after the parameters of its own.

    The verb gets the fields that were typed as keywords.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    fields = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=flag_of(name))
        for name in RunOptions.model_fields
    ]

    def with_options(**values: Any) -> Any:
        given = {name: value for name, value in values.items() if value is not None}
        return command(**given)

    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *fields]
    )
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *fields)}
    with_options.__doc__ = command.__doc__
    return with_options


def read_config(path: Path) -> dict[str, Any]:
    """The options of a TOML file by field name, `dataset` and `dry_run` among them; `[set]` is the table of settings.

    Raises:
        WrongUsage: If the file cannot be read, is not TOML, or names an option that there is not.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(f"--config {path} cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"--config {path} is not TOML: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise WrongUsage(f"--config {path} is not TOML: {error}") from None
    names = {flag(name).removeprefix("--"): name for name in RunOptions.model_fields}
    names |= {"dataset": "dataset", "dry-run": "dry_run"}
    options = {}
    for key, value in content.items():
        name = names.get(key.replace("_", "-"))
        if name is None:
            raise WrongUsage(f"--config {path} has no option {key!r}: {did_you_mean(key, names)}")
        if name in ("dataset", "dry_run") and not isinstance(value, str if name == "dataset" else bool):
            kind = "text" if name == "dataset" else "true or false"
            raise WrongUsage(f"--config {path}: {key} cannot be {value!r}: write {kind}")
        if isinstance(value, list) and name not in ("features", "models"):
            raise WrongUsage(f"--config {path}: {key} takes one value, not the list {value}")
        if value == []:
            raise WrongUsage(f"--config {path}: {key} names none: leave it out for all of them")
        options[name] = value
    return options


def merged(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a file, and over them those that were typed; settings are laid over each other one by one.

    Raises:
        WrongUsage: If a setting is not KEY=VALUE.
    """
    options = {**config, **given}
    if "settings" in options:
        try:
            tables = [parse_settings(part["settings"]) for part in (config, given) if "settings" in part]
        except ValueError as error:
            raise WrongUsage(f"--set {error}") from None
        if not all(isinstance(table, Mapping) for table in tables):
            raise WrongUsage("set is a table of settings, as in [set] and below it training.epochs = 8")
        options["settings"] = {key: value for table in tables for key, value in table.items()}  # type: ignore[attr-defined]
    return options


def _metavar(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _metavar(get_args(annotation)[0])
    kinds = (
        get_args(annotation)
        if get_origin(annotation) is UnionType or isinstance(annotation, UnionType)
        else (annotation,)
    )
    return next((METAVARS[kind] for kind in kinds if kind in METAVARS), "<str>")

"""Options and small helpers that several verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.plugins import PluginConfig
    from bench.plugins.registry import Registry

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="BENCH_DATA_DIR",
        help="Folder that holds data sets under their official names; nothing is downloaded into it unasked.",
    ),
]
ResultsDir = Annotated[
    Path | None,
    typer.Option("--results", envvar="BENCH_RESULTS_DIR", help="Folder of studies.  \\[default: bench-results]"),
]
MaxUnusable = Annotated[
    float, typer.Option("--max-unusable", min=0, max=1, help="Share of clips that may be unusable, at most.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Fix an option, dataset.split=speaker, or list its values, training.epochs=\\[4,8]. Repeatable.",
        metavar="KEY=VALUE",
    ),
]


def registry() -> Registry:
    """The installed plugins; what had to be left out is said on the error stream, once a process."""
    from bench.plugins.registry import installed

    found = installed()
    for problem in found.problems:
        warn(str(problem))
    return found


def warn(line: str) -> None:
    """One line on the error stream."""
    print(f"bench: warning: {line}", file=sys.stderr)


def parse_settings(settings: Iterable[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` lines as a dictionary; a value is JSON where it reads as JSON, text otherwise. Raises BenchError."""
    parsed: dict[str, Any] = {}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise BenchError(f"--set {setting!r} is not KEY=VALUE, as in --set training.batch_size=64")
        try:
            parsed[key] = json.loads(value)
        except ValueError:
            parsed[key] = {"none": None, "None": None}.get(value, value)
    return parsed


def dataset_config(found: Registry, reference: str, settings: dict[str, Any]) -> PluginConfig:
    """The data set of `NAME` or `NAME:ARGUMENT`, with its `dataset.OPTION` settings. Raises BenchError."""
    from bench.plugins import PluginConfig
    from bench.plugins.registry import find

    name, colon, argument = reference.partition(":")
    options = {key.removeprefix("dataset."): value for key, value in settings.items() if key.startswith("dataset.")}
    takes = find("dataset", found.datasets, name).argument
    if colon and takes is None:
        raise BenchError(
            f"data set {name} takes nothing after a colon; its options are set by --set dataset.OPTION=VALUE"
        )
    if takes is not None:
        if not argument and takes not in options:
            raise BenchError(f"data set {name} needs its {takes}: write {name}:{takes.upper()}")
        if argument:
            options[takes] = argument
    return found.dataset(PluginConfig(name=name, options=options)).config()


def reference(found: Registry, config: PluginConfig) -> str:
    """A data set as it is named on the command line: `fsdd`, `folder:PATH`."""
    takes = found.datasets[config.name].argument
    return config.name if takes is None else f"{config.name}:{config.options[takes]}"


def command_line() -> str:
    """The command line of this process, as it can be typed again, without passwords."""
    import shlex

    from bench.passwords import without_password

    return without_password(shlex.join(["bench", *sys.argv[1:]]))

"""What a shell is told when Tab is pressed: names of data sets, features, models, recipes, studies and runs.

Parameters are known by their names, which mean the same in every verb. Nothing here loads torch, and of a results folder the
names of its folders are enough.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.files import results_directory
from bench.plugins.registry import Registry, installed

VARIABLE = "_BENCH_COMPLETE"
"""Environment variable by which a shell asks for completions."""
RUNS = ("final-", "trial-", "reproduction-")
"""Beginnings of the names of runs' folders."""


def words_to_complete() -> list[str] | None:
    """The words after `bench` on the line that is being typed; None if this is no question of a shell's."""
    if VARIABLE not in os.environ:
        return None
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    try:
        return shlex.split(line)[1:]
    except ValueError:  # a quote is still open
        return line.split()[1:]


def complete_by_name(command: Any) -> None:
    """Lets every parameter of a command, and of those below it, be completed by what its name stands for."""
    for parameter in command.params:
        if (completer := COMPLETERS.get(parameter.name)) is not None:
            parameter._custom_shell_complete = completer
    for below in getattr(command, "commands", {}).values():
        complete_by_name(below)


def _names(kinds: Iterable[str], *, several: bool = False) -> Callable[[Any, Any, str], list[str]]:
    """Completes names of plugins of these kinds; the last of them where several stand between commas."""

    def complete(context: Any, parameter: Any, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        registry: Registry = installed()
        names = {name for kind in kinds for name in getattr(registry, f"{kind}s")}
        return [f"{before}{comma}{name}" for name in sorted(names) if name.startswith(last)]

    return complete


def _studies(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Completes names of studies."""
    return sorted(path.parent.name for path in _records(context, "study") if path.parent.name.startswith(incomplete))


def _runs(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Completes names of studies and reproductions, and behind the slash those of their runs."""
    study, slash, run = incomplete.partition("/")
    records = [path for kind in ("study", "reproduction") for path in _records(context, kind)]
    if not slash:
        return sorted(path.parent.name for path in records if path.parent.name.startswith(study))
    folders = [path.parent for path in records if path.parent.name == study]
    runs = [path.name for folder in folders for path in folder.iterdir() if path.name.startswith(RUNS)]
    return [f"{study}/{name}" for name in sorted(runs) if name.startswith(run)]


def _targets(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Completes runs, and data sets."""
    return [*_runs(context, parameter, incomplete), *_names(["dataset"])(context, parameter, incomplete)]


def _rows(context: Any, parameter: Any, incomplete: str) -> list[str]:
    """Completes runs, and recipes."""
    return [*_runs(context, parameter, incomplete), *_names(["recipe"])(context, parameter, incomplete)]


def _records(context: Any, kind: str) -> list[Path]:
    with suppress(OSError):
        return list(results_directory(context.params.get("results")).glob(f"*/{kind}.json"))
    return []


COMPLETERS: Mapping[str, Callable[[Any, Any, str], list[str]]] = {
    "dataset": _names(["dataset"]),
    "models": _names(["model"], several=True),
    "features": _names(["feature"], several=True),
    "model": _names(["model"]),
    "feature": _names(["feature"]),
    "recipe": _names(["recipe", "model"]),
    "name": _names(["dataset", "feature", "model", "recipe"]),
    "resume": _studies,
    "run": _runs,
    "row": _rows,
    "rows": _runs,
    "targets": _targets,
}

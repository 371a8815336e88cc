"""`bench check`: the contract tests, on installed plugins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import DataDir, installed_plugins, options_of
from bench.data.download import is_synthesised
from bench.errors import BenchError, did_you_mean
from bench.files import data_directory
from bench.plugins import contract_tests
from bench.plugins.registry import Registry


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Plugins or packages; everything installed if left out.", show_default=False),
    ] = None,
    make: Annotated[
        bool, typer.Option("--make", help="Also make data sets that are synthesised, in a temporary folder.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Check that plugins keep their contracts: for the authors of plugins."""

    registry = installed_plugins()
    data_folder = data_directory(options_of(data_dir=data_dir).data_dir)
    chosen = _chosen(registry, names or [])
    # What was left out was said on the error stream already; it counts, as the package's author asked for all of it.
    broken = [
        str(p) for p in registry.problems if not names or {p.package.distribution, p.package.entry_point} & set(names)
    ]
    for kind, name in chosen:
        complaint = _complaint(lambda kind=kind, name=name: _check(registry, kind, name, data_folder, make))  # type: ignore[misc]
        print(
            f"{'ok  ' if complaint is None else 'FAIL'}  {kind} {name}{'' if complaint is None else f': {complaint}'}"
        )
        if complaint is not None:
            broken.append(name)
    print(f"\n{len(chosen)} checked, {len(broken)} broken")
    raise typer.Exit(code=1 if broken else 0)


def _chosen(registry: Registry, names: list[str]) -> list[tuple[str, str]]:
    """(kind, name) of every plugin that is meant by its own name or by its package's. Raises BenchError on others."""

    def meant(kind: str, plugin: str) -> set[str]:
        package = registry.origins[kind, plugin]
        return {plugin, package.distribution, package.entry_point}

    known = {alias for kind, plugin in registry.origins for alias in meant(kind, plugin)}
    known |= {alias for package in registry.packages for alias in (package.distribution, package.entry_point)}
    for name in names:
        if name not in known:
            raise BenchError(f"no plugin or package is called {name!r}: {did_you_mean(name, known)}")
    return [key for key in registry.origins if not names or meant(*key) & set(names)]


def _complaint(check: Callable[[], None]) -> str | None:
    """What the check raised, in one line, or None. A plugin may raise anything."""

    try:
        check()
    except Exception as error:
        if os.environ.get("BENCH_DEBUG"):
            raise
        text = " ".join(str(error).split())
        return text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"
    return None


def _check(registry: Registry, kind: str, name: str, data_dir: Path, make: bool) -> None:

    match kind:
        case "dataset":
            _check_dataset(registry, name, data_dir, make)
        case "feature":
            contract_tests.check_feature(registry.features[name])
        case "model":
            contract_tests.check_model(registry.models[name])
        case "recipe":
            contract_tests.check_recipe(registry.recipes[name], registry)


def _check_dataset(registry: Registry, name: str, data_dir: Path, make: bool) -> None:
    """With its clips where the data are at hand, or can be made; a data set that needs an argument is given a folder."""

    dataset = registry.datasets[name]
    if dataset.argument is not None:
        contract_tests.check_dataset(dataset, options={dataset.argument: "."})
        return
    root = dataset().root(data_dir)
    if root.is_dir():
        contract_tests.check_dataset(dataset, root=root)
    elif make and is_synthesised(dataset()):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made"
            dataset().prepare(made, lambda _done, _total: None)
            contract_tests.check_dataset(dataset, root=made)
    else:
        contract_tests.check_dataset(dataset)

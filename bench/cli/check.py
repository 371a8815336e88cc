"""`bench check`: the contract tests, on installed plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.common import DataDir

if TYPE_CHECKING:
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
    from bench.cli.common import registry
    from bench.files import data_directory

    found = registry()
    chosen = _chosen(found, names or [])
    # What was left out was said on the error stream already; it counts, as the package's author asked for all of it.
    broken = [
        str(p) for p in found.problems if not names or {p.package.distribution, p.package.entry_point} & set(names)
    ]
    for kind, name in chosen:
        complaint = _complaint(lambda kind=kind, name=name: _check(found, kind, name, data_directory(data_dir), make))  # type: ignore[misc]
        print(
            f"{'ok  ' if complaint is None else 'FAIL'}  {kind} {name}{'' if complaint is None else f': {complaint}'}"
        )
        if complaint is not None:
            broken.append(name)
    print(f"\n{len(chosen)} checked, {len(broken)} broken")
    raise typer.Exit(code=1 if broken else 0)


def _chosen(found: Registry, names: list[str]) -> list[tuple[str, str]]:
    """(kind, name) of every plugin that is meant by its own name or by its package's. Raises BenchError on others."""
    from bench.errors import BenchError, did_you_mean

    def meant(kind: str, plugin: str) -> set[str]:
        package = found.origins[kind, plugin]
        return {plugin, package.distribution, package.entry_point}

    known = {alias for kind, plugin in found.origins for alias in meant(kind, plugin)}
    known |= {alias for package in found.packages for alias in (package.distribution, package.entry_point)}
    for name in names:
        if name not in known:
            raise BenchError(f"no plugin or package is called {name!r}: {did_you_mean(name, known)}")
    return [key for key in found.origins if not names or meant(*key) & set(names)]


def _complaint(check: Callable[[], None]) -> str | None:
    """What the check raised, in one line, or None. A plugin may raise anything."""
    import os

    try:
        check()
    except Exception as error:
        if os.environ.get("BENCH_DEBUG"):
            raise
        text = " ".join(str(error).split())
        return text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"
    return None


def _check(found: Registry, kind: str, name: str, data_dir: Path, make: bool) -> None:
    from bench.plugins import contract_tests

    match kind:
        case "dataset":
            _check_dataset(found, name, data_dir, make)
        case "feature":
            contract_tests.check_feature(found.features[name])
        case "model":
            contract_tests.check_model(found.models[name])
        case "recipe":
            contract_tests.check_recipe(found.recipes[name], found)


def _check_dataset(found: Registry, name: str, data_dir: Path, make: bool) -> None:
    """With its clips where the data are at hand, or can be made; a data set that needs an argument is given a folder."""
    import tempfile

    from bench.data.download import is_synthesised
    from bench.plugins.contract_tests import check_dataset

    dataset = found.datasets[name]
    if dataset.argument is not None:
        check_dataset(dataset, options={dataset.argument: "."})
        return
    root = dataset().root(data_dir)
    if root.is_dir():
        check_dataset(dataset, root=root)
    elif make and is_synthesised(dataset()):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made"
            dataset().prepare(made, lambda _done, _total: None)
            check_dataset(dataset, root=made)
    else:
        check_dataset(dataset)

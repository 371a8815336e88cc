"""`bench check`: the contract tests, on installed plugins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import DataDir, options_of
from bench.data.download import is_synthesised
from bench.errors import BenchError, did_you_mean
from bench.files import data_directory
from bench.plugins import Metric, contract_tests
from bench.plugins.discovery import Package
from bench.plugins.faults import fault
from bench.plugins.hookspecs import CONTRACTS
from bench.plugins.registry import Registry, installed

SLOW_SECONDS = 1.0
"""An import that takes longer is said: every command waits for those of all packages."""


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

    registry, wanted = installed(), set(names or [])
    chosen = _chosen(registry, wanted)
    data_folder = data_directory(options_of(data_dir=data_dir).data_dir)
    broken = 0
    for package in registry.packages:
        if not wanted or {package.distribution, package.entry_point} & wanted:
            for fault_of_package in _complaints_of(registry, package):
                print(f"FAIL  package {package.distribution}: {fault_of_package}")
                broken += 1
    for kind, name in chosen:
        complaint = _complaint(lambda kind=kind, name=name: _check(registry, kind, name, data_folder, make))  # type: ignore[misc]
        print(
            f"{'ok  ' if complaint is None else 'FAIL'}  {kind} {name}{'' if complaint is None else f': {complaint}'}"
        )
        broken += complaint is not None
    print(f"\n{len(chosen)} checked, {broken} broken")
    raise typer.Exit(code=1 if broken else 0)


def _complaints_of(registry: Registry, package: Package) -> Iterator[str]:
    """What is wrong with a package as a whole, its import and its hooks."""
    left_out = [problem.what for problem in registry.problems if problem.package == package]
    yield from left_out
    if not left_out and package not in registry.origins.values():
        hooks = ", ".join(f"bench_{kind}s" for kind in CONTRACTS)
        yield f"brings nothing: its module has none of the functions {hooks}, marked @hookimpl"
    imported = registry.imports.get(package)
    if imported is None:
        return
    if imported.printed:
        yield f"prints {imported.printed.split(chr(10))[0][:60]!r} when it is imported, as every command does: leave it out"
    if imported.seconds > SLOW_SECONDS:
        libraries = f", with {', '.join(imported.libraries)}" if imported.libraries else ""
        yield (
            f"takes {imported.seconds:.1f} s to import{libraries}, for which every command waits: "
            "import what is slow where a network, a front end or files are made"
        )


def _chosen(registry: Registry, names: Collection[str]) -> list[tuple[str, str]]:
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
        meant_for_people = isinstance(error, AssertionError | BenchError)
        return " ".join(str(error).split()) if meant_for_people else fault(error)
    return None


def _check(registry: Registry, kind: str, name: str, data_dir: Path, make: bool) -> None:

    match kind:
        case "dataset":
            _check_dataset(registry, name, data_dir, make)
        case "feature":
            contract_tests.check_feature(registry.features[name])
        case "model":
            contract_tests.check_model(registry.models[name])
        case "augmentation":
            contract_tests.check_augmentation(registry.augmentations[name])
        case "recipe":
            contract_tests.check_recipe(registry.recipes[name], registry)
        case "metric":
            _check_metric(registry.metrics[name])
        case "section":
            contract_tests.check_section(registry.sections[name])
        case "executor":
            contract_tests.check_executor(registry.executors[name])


def _check_metric(metric: type[Metric]) -> None:
    from bench.evaluation.metrics import METRICS, added_name

    if added_name(metric) in METRICS:
        raise AssertionError(
            f"{metric.name} is a score that bench has itself, so that it is left out: choose another name"
        )
    contract_tests.check_metric(metric)


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

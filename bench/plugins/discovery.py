"""Finds the installed plugin packages by their entry points and asks their hooks what they bring."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, cast

import pluggy

from bench.errors import one_line
from bench.plugins import hookspecs

IMPORTS_BEGIN = time.time()
"""Time, in seconds since 1970, before which no plugin of this process was imported."""


@dataclass(frozen=True)
class Package:
    """A distribution that brings plugins, or the calling script.

    Attributes:
        entry_point: Name of its entry point in the group `bench`; empty for the calling script.
        distribution: Name under which the distribution is installed.
        version: Its version; of the calling script 8 hex digits over the source of its plugin classes.
    """

    entry_point: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Problem:
    """A package, or one plugin of it, that was left out.

    Attributes:
        package: The package.
        what: The reason in one line.
    """

    package: Package
    what: str

    def __str__(self) -> str:
        return f"plugin package {self.package} is left out: {self.what}"


@dataclass(frozen=True)
class Contributions:
    """Everything that the hooks of one package return, unchecked, by kind of plugin."""

    package: Package
    datasets: list[Any]
    features: list[Any]
    models: list[Any]
    recipes: list[Any]


def discover(only: Collection[str] | None = None) -> Iterator[Contributions | Problem]:
    """Imports every installed plugin package and calls its hooks.

    Args:
        only: Names of the entry points to load; None for all.

    Yields:
        What a package brings, or the reason why it is left out. A package that cannot be imported or whose hook raises
        never stops the others.
    """
    for entry_point in _entry_points():
        if only is None or entry_point.name in only:
            yield _contributions(entry_point)


def entry_point_names() -> tuple[str, ...]:
    """Names of the entry points of all installed plugin packages, of which nothing is imported."""
    return tuple(entry_point.name for entry_point in _entry_points())


def _entry_points() -> list[EntryPoint]:
    """The entry points in the order of their names, so that clashes end the same way on every machine.

    The plugins that ship with the harness come first: no third party can take their names away. Two distributions may give
    their entry points the same name; a distribution that stands on the path twice counts once.
    """

    def order(entry_point: EntryPoint) -> tuple[bool, str, str]:
        return entry_point.name != "bench_plugins", entry_point.name, _package(entry_point).distribution

    return sorted(entry_points(group=hookspecs.ENTRY_POINT_GROUP), key=order)


def _package(entry_point: EntryPoint) -> Package:
    # Every entry point that entry_points() finds belongs to a distribution.
    distribution = cast("Distribution", entry_point.dist)
    return Package(entry_point.name, distribution.metadata["Name"], distribution.version)


def _contributions(entry_point: EntryPoint) -> Contributions | Problem:
    package = _package(entry_point)
    try:
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(hookspecs)
        manager.register(entry_point.load())
        manager.check_pending()
        hook = manager.hook
        return Contributions(
            package,
            datasets=_flat(hook.bench_datasets),
            features=_flat(hook.bench_features),
            models=_flat(hook.bench_models),
            recipes=_flat(hook.bench_recipes),
        )
    except (Exception, SystemExit) as error:  # a third party's code may raise anything
        return Problem(package, f"{type(error).__name__}: {one_line(error)}")


def _flat(hook: Callable[[], list[list[Any]]]) -> list[Any]:
    return [contribution for contributions in hook() for contribution in contributions]

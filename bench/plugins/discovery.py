"""Finds the installed plugin packages by their entry points and asks their hooks what they bring."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points
from types import FunctionType
from typing import Any, cast

import pluggy

from bench.errors import BenchError, did_you_mean
from bench.plugins import hookspecs
from bench.plugins.faults import fault, function_place

IMPORTS_BEGIN = time.time()
"""Time, in seconds since 1970, before which no plugin of this process was imported."""


class NotAHook(BenchError):
    """A function that was meant as a hook and is none."""


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
class Imported:
    """What the import of a package did beside bringing plugins.

    Attributes:
        seconds: Wall time that it took, with all that it imports and its hooks.
        printed: What it wrote on standard output.
        libraries: Large libraries that it was the first to import.
    """

    seconds: float
    printed: str
    libraries: tuple[str, ...]


@dataclass(frozen=True)
class Contributions:
    """Everything that the hooks of one package return, unchecked, by kind of plugin."""

    package: Package
    brought: Mapping[str, list[Any]]
    imported: Imported


LARGE_LIBRARIES = ("torch", "torchaudio", "numpy", "scipy", "sklearn", "pandas", "librosa", "matplotlib", "tensorflow")
"""Libraries that a command which is refused does without."""


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
    before, begin, printed = set(sys.modules), time.perf_counter(), io.StringIO()
    try:
        with redirect_stdout(printed):
            module = entry_point.load()
            brought = _brought(module)
    except NotAHook as error:
        return Problem(package, str(error))
    except (Exception, SystemExit) as error:  # a third party's code may raise anything
        return Problem(package, fault(error) + _hint(entry_point, error))
    finally:
        sys.stderr.write(printed.getvalue())  # the standard output is the command's own
    libraries = tuple(name for name in LARGE_LIBRARIES if name in sys.modules and name not in before)
    return Contributions(package, brought, Imported(time.perf_counter() - begin, printed.getvalue(), libraries))


def _brought(module: Any) -> dict[str, list[Any]]:
    """What the hooks of a module return, by kind. Raises NotAHook."""
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    _refuse_unmarked(module)
    manager.check_pending()
    return {kind: _returned(manager, f"bench_{kind}s") for kind in hookspecs.CONTRACTS}


def _refuse_unmarked(module: Any) -> None:
    """Raises NotAHook where a function has a hook's name, or nearly, and is none, so that nothing would call it."""
    known = [f"bench_{kind}s" for kind in hookspecs.CONTRACTS]
    for name, function in vars(module).items():
        if not name.startswith("bench_") or not isinstance(function, FunctionType):
            continue
        where = function_place(function.__code__, function.__module__)
        if name not in known:
            raise NotAHook(f"{where}: {name} is no hook: {did_you_mean(name, known)}")
        if not hasattr(function, "bench_impl"):
            raise NotAHook(f"{where}: {name} is not marked: write @hookimpl above it, or nothing calls it")


def _returned(manager: pluggy.PluginManager, name: str) -> list[Any]:
    brought: list[Any] = []
    for implementation in getattr(manager.hook, name).get_hookimpls():
        returned = implementation.function()
        if not isinstance(returned, list | tuple):
            where = function_place(implementation.function.__code__, implementation.function.__module__)
            named = getattr(returned, "__name__", repr(returned))
            raise NotAHook(f"{where}: {name} returns {named}, not a list: return [{'' if returned is None else named}]")
        brought += returned
    return brought


def _hint(entry_point: EntryPoint, error: BaseException) -> str:
    """What to do where the entry point itself leads nowhere."""
    missing = isinstance(error, ModuleNotFoundError) and error.name is not None
    if (missing and (entry_point.module + ".").startswith(f"{error.name}.")) or isinstance(error, AttributeError):  # type: ignore[attr-defined]
        return f" (its entry point is {entry_point.value!r}: name the module with the hooks)"
    return ""

"""Finds the installed plugins through pluggy entry points, and answers for them by name.

A package that cannot be imported, whose hook raises, or that clashes with another is left out and reported with its
distribution's name; it never breaks the command line.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, TypeVar

import pluggy
from pydantic import ValidationError

from bench.errors import BenchError, did_you_mean, one_line
from bench.plugins import hookspecs
from bench.plugins.contracts import Dataset, Feature, Model, Plugin, PluginConfig, Recipe

Contributed = TypeVar("Contributed")

READY = time.time()
"""Plugins are imported after this."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Of a plugin or recipe: it becomes part of paths, pages and commands."""


class Incompatible(BenchError):
    """Options of a plugin that are allowed one by one and do not go together."""


@dataclass(frozen=True)
class Package:
    """An installed distribution that brings plugins."""

    entry_point: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Problem:
    """A package, or one plugin of it, that was left out, and why, in one line."""

    package: Package
    what: str

    def __str__(self) -> str:
        return f"plugin package {self.package} is left out: {self.what}"


@dataclass
class Registry:
    """All plugins by name, the package that each came from, and what was left out."""

    datasets: dict[str, type[Dataset]] = field(default_factory=dict)
    features: dict[str, type[Feature]] = field(default_factory=dict)
    models: dict[str, type[Model]] = field(default_factory=dict)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    packages: list[Package] = field(default_factory=list)
    origins: dict[tuple[str, str], Package] = field(default_factory=dict)
    """(kind, name) to the package that brought it; kinds are dataset, feature, model, recipe."""
    problems: list[Problem] = field(default_factory=list)

    def dataset(self, config: PluginConfig) -> Dataset:
        """Builds a data set from its configuration. Raises BenchError on an unknown name or option."""
        return _build("dataset", self.datasets, config)

    def feature(self, config: PluginConfig) -> Feature:
        """Builds a feature from its configuration. Raises BenchError on an unknown name or option."""
        return _build("feature", self.features, config)

    def model(self, config: PluginConfig) -> Model:
        """Builds a model from its configuration. Raises BenchError on an unknown name or option."""
        return _build("model", self.models, config)

    def recipe(self, name: str) -> Recipe:
        """A recipe by name. Raises BenchError where there is none of that name."""
        return find("recipe", self.recipes, name)

    def recipes_for(self, dataset: str) -> list[Recipe]:
        """The recipes that name this data set as theirs."""
        return [recipe for recipe in self.recipes.values() if dataset in recipe.datasets]

    def versions(self) -> dict[str, str]:
        """Version of every distribution that brings plugins."""
        return {package.distribution: package.version for package in self.packages}


def find(kind: str, known: Mapping[str, Contributed], name: str) -> Contributed:
    """`known[name]`, or a BenchError that suggests the nearest names."""
    if name not in known:
        raise BenchError(f"unknown {kind} {name!r}: {did_you_mean(name, known)} (see: bench list {kind}s)")
    return known[name]


def _build(kind: str, known: Mapping[str, type[Contributed]], config: PluginConfig) -> Contributed:
    plugin = find(kind, known, config.name)
    fields: Iterable[str] = plugin.model_fields  # type: ignore[attr-defined]
    for option in config.options:
        if option not in fields:
            raise BenchError(f"{kind} {config.name} has no option {option!r}: {did_you_mean(option, fields)}")
    try:
        return plugin(**config.options)
    except ValidationError as error:
        refusal = (
            BenchError if error.errors()[0]["loc"] else Incompatible
        )  # a complaint about the whole names no option
        raise refusal(f"{kind} {config.name}: {first_complaint(error)}") from None


def first_complaint(error: ValidationError) -> str:
    """The first complaint of a validation error as `option 'x': what is wrong (got y)`."""
    complaint = error.errors()[0]
    option = ".".join(str(part) for part in complaint["loc"])
    message = complaint["msg"].removeprefix("Value error, ")
    return f"option {option!r}: {message} (got {complaint['input']!r})" if option else message


@cache
def installed() -> Registry:
    """The registry of this process, loaded once; BENCH_PLUGINS (a comma list of entry points) restricts what is loaded."""
    wanted = os.environ.get("BENCH_PLUGINS")
    return load(only=wanted.split(",") if wanted else None)


def load(*, only: Iterable[str] | None = None) -> Registry:
    """Loads every installed plugin package, or those of `only`, by the names of their entry points."""
    chosen = None if only is None else {name.strip() for name in only}
    registry = Registry()
    for package, entry_point in _entry_points():
        if chosen is None or package.entry_point in chosen:
            registry.packages.append(package)
            _load_package(registry, package, entry_point)
    return registry


def _entry_points() -> list[tuple[Package, EntryPoint]]:
    """Entry points of the group, once each, in the order of their names so that clashes resolve the same way everywhere.

    Two distributions may name theirs alike; one distribution that is found twice on the path counts once.
    """
    found: dict[tuple[str, str], tuple[Package, EntryPoint]] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group == hookspecs.ENTRY_POINT_GROUP:
                package = _package(distribution, entry_point)
                found.setdefault((entry_point.name, package.distribution), (package, entry_point))
    # What ships with the harness goes first: a third party cannot take its names away.
    return [found[key] for key in sorted(found, key=lambda key: (key[0] != "bench_plugins", *key))]


def _package(distribution: Distribution, entry_point: EntryPoint) -> Package:
    return Package(entry_point.name, distribution.metadata["Name"], distribution.version)


def _load_package(registry: Registry, package: Package, entry_point: EntryPoint) -> None:
    """Registers what one package brings: all of it, or nothing where importing it or one of its hooks raises."""
    try:
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(hookspecs)
        manager.register(entry_point.load())
        manager.check_pending()
        datasets, features, models, recipes = (
            _flat(hook)
            for hook in (
                manager.hook.bench_datasets,
                manager.hook.bench_features,
                manager.hook.bench_models,
                manager.hook.bench_recipes,
            )
        )
    except (Exception, SystemExit) as error:  # a third party's code may raise anything
        registry.problems.append(Problem(package, f"{type(error).__name__}: {one_line(error)}"))
        return
    _add(registry, package, "dataset", registry.datasets, datasets, Dataset)
    _add(registry, package, "feature", registry.features, features, Feature)
    _add(registry, package, "model", registry.models, models, Model)
    _add(registry, package, "recipe", registry.recipes, recipes, Recipe)


def _flat(hook: Callable[[], list[list[Any]]]) -> list[Any]:
    return [contribution for contributions in hook() for contribution in contributions]


def _add(
    registry: Registry,
    package: Package,
    kind: str,
    known: dict[str, Any],
    contributions: list[Any],
    contract: type[Plugin] | type[Recipe],
) -> None:
    for contribution in contributions:
        name = getattr(contribution, "name", None)
        conforms = (
            isinstance(contribution, Recipe)
            if contract is Recipe
            else isinstance(contribution, type) and issubclass(contribution, contract)
        )
        if not conforms or not isinstance(name, str):
            what = f"{contribution!r} is no {contract.__name__} with a name"
        elif not NAME.fullmatch(name):
            what = f"{kind} {name!r}: a name is of letters, digits, '.', '_' and '-', at most 100"
        elif name in known:
            what = f"{kind} {name!r} is already brought by {registry.origins[kind, name]}"
        elif contract in (Feature, Model) and (complaint := _cannot_be_default(contribution)):
            what = f"{kind} {name!r} cannot be made from its defaults: {complaint}"
        else:
            known[name] = contribution
            registry.origins[kind, name] = package
            continue
        registry.problems.append(Problem(package, what))


def _cannot_be_default(plugin: type[Plugin]) -> str:
    """Why a feature or model has no complete defaults, which is where every search begins; nothing where it has."""
    try:
        plugin()
    except ValidationError as error:
        return first_complaint(error)
    except Exception as error:  # a third party's code may raise anything
        return f"{type(error).__name__}: {one_line(error)}"
    return ""

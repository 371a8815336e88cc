"""The registry: all plugins by name. It is made at the edges of the program and handed down; nothing looks it up again.

A package that cannot be imported, whose hook raises, or that clashes with another is left out and reported with its
distribution's name; it never breaks the command line.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError

from bench.errors import BenchError, WrongUsage, did_you_mean
from bench.plugins.augmentation_contracts import Augmentation
from bench.plugins.by_value import pickled, unpickled
from bench.plugins.contracts import Dataset, Feature, Model, Plugin, Recipe
from bench.plugins.discovery import Imported, Package, Problem, discover, entry_point_names
from bench.plugins.executor_contract import ExecutorPlugin
from bench.plugins.faults import fault
from bench.plugins.hookspecs import CONTRACTS
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.reporting_contracts import Metric, ReportSection
from bench.plugins.source_code import source_digest

Contributed = TypeVar("Contributed")

PLUGIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Valid names of plugins and recipes: they become parts of paths, pages and commands."""
CALLER = "calling script"
"""Stands in the place of a distribution's name for classes that the calling script or notebook defines."""


class Incompatible(BenchError):
    """Options of a plugin that are allowed one by one and do not go together."""


@dataclass(frozen=True)
class PluginSource:
    """What another process needs in order to make the same registry. It can be pickled.

    Attributes:
        only: Names of the entry points to load; None for all.
        caller: The package that stands for the calling script, if it brings classes.
        classes: Kind, name and pickled class of each plugin of the calling script.
    """

    only: tuple[str, ...] | None = None
    caller: Package | None = None
    classes: tuple[tuple[str, str, bytes], ...] = ()

    def load(self) -> Registry:
        """Makes the registry in this process.

        Raises:
            BenchError: If a class of the calling script cannot be loaded here.
        """
        registry = load(only=self.only)
        if self.caller is None:
            return registry
        loaded = [(kind, unpickled(kind, name, content)) for kind, name, content in self.classes]
        return registry._with(self.caller, loaded)


@dataclass(frozen=True)
class Registry:
    """All plugins by name, the package that each came from, and what was left out.

    Attributes:
        datasets: Data set classes by name.
        features: Feature classes by name.
        models: Model classes by name.
        augmentations: Augmentation classes by name.
        recipes: Recipes by name.
        metrics: Metric classes by name.
        sections: Classes of sections of a run's report, by name.
        executors: Executors by name.
        packages: Every package that was loaded, also those with problems.
        origins: The package that brought a plugin, by kind (see CONTRACTS) and name.
        problems: Packages and plugins that were left out, with reasons.
        only: Names of the entry points that were loaded; None for all.
        codes: Digests of plugins' code that were asked for, by kind and name.
        imports: What the import of every package did.
    """

    datasets: dict[str, type[Dataset]] = field(default_factory=dict)
    features: dict[str, type[Feature]] = field(default_factory=dict)
    models: dict[str, type[Model]] = field(default_factory=dict)
    augmentations: dict[str, type[Augmentation]] = field(default_factory=dict)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    metrics: dict[str, type[Metric]] = field(default_factory=dict)
    sections: dict[str, type[ReportSection]] = field(default_factory=dict)
    executors: dict[str, ExecutorPlugin] = field(default_factory=dict)
    packages: list[Package] = field(default_factory=list)
    origins: dict[tuple[str, str], Package] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    only: tuple[str, ...] | None = None
    codes: dict[tuple[str, str], str] = field(default_factory=dict)
    imports: dict[Package, Imported] = field(default_factory=dict)

    def dataset(self, config: PluginConfig) -> Dataset:
        """Builds a data set from its configuration.

        Raises:
            BenchError: If there is no data set of that name, or an option is unknown or out of its bounds.
            Incompatible: If options that are allowed one by one do not go together.
        """
        return _build("dataset", self.datasets, config)

    def feature(self, config: PluginConfig) -> Feature:
        """Builds a feature from its configuration.

        Raises:
            BenchError: If there is no feature of that name, or an option is unknown or out of its bounds.
            Incompatible: If options that are allowed one by one do not go together.
        """
        return _build("feature", self.features, config)

    def model(self, config: PluginConfig) -> Model:
        """Builds a model from its configuration.

        Raises:
            BenchError: If there is no model of that name, or an option is unknown or out of its bounds.
            Incompatible: If options that are allowed one by one do not go together.
        """
        return _build("model", self.models, config)

    def augmentation(self, config: PluginConfig) -> Augmentation:
        """Builds an augmentation from its configuration.

        Raises:
            BenchError: If there is no augmentation of that name, or an option is unknown or out of its bounds.
            Incompatible: If options that are allowed one by one do not go together.
        """
        return _build("augmentation", self.augmentations, config)

    def recipe(self, name: str) -> Recipe:
        """A recipe by name.

        Raises:
            BenchError: If there is none of that name.
        """
        return find("recipe", self.recipes, name)

    def recipes_for(self, dataset: str) -> list[Recipe]:
        """The recipes that name this data set as theirs."""
        return [recipe for recipe in self.recipes.values() if dataset in recipe.datasets]

    def versions(self) -> dict[str, str]:
        """Version of every distribution that brings plugins, by its name."""
        return {package.distribution: package.version for package in self.packages}

    def code(self, kind: str, name: str) -> str:
        """12 hex digits over the source of a plugin, see `bench.plugins.source_code`, digested once for a registry.

        Raises:
            BenchError: If there is no plugin of that kind and name.
        """
        if (kind, name) not in self.codes:
            self.codes[kind, name] = source_digest(find(kind, self._known(kind), name))
        return self.codes[kind, name]

    def lacks(self, *plugins: tuple[str, str]) -> list[str]:
        """Those of the plugins, by kind and name, that it does not hold, as `model my-net`."""
        return [f"{kind} {name}" for kind, name in plugins if name not in self._known(kind)]

    def package_of(self, plugin: Plugin) -> Package | None:
        """The package that brought the class of a feature or model; None if it is not the registry's class of that name."""
        kind, known = ("feature", self.features) if isinstance(plugin, Feature) else ("model", self.models)
        return self.origins[kind, plugin.name] if known.get(plugin.name) is type(plugin) else None

    def extended(
        self,
        *,
        features: Sequence[type[Feature]] = (),
        models: Sequence[type[Model]] = (),
        datasets: Sequence[type[Dataset]] = (),
    ) -> Registry:
        """A registry that also holds plugin classes of the calling script or notebook.

        Args:
            features: Feature classes. Those that the registry holds already change nothing; so for the other kinds.
            models: Model classes.
            datasets: Data set classes.

        Returns:
            The extended registry; this one stays as it is.

        Raises:
            BenchError: If a class is no plugin of its kind, cannot be made from its defaults, or has a name that another
                plugin has.
        """
        given = [
            *(("dataset", plugin) for plugin in datasets),
            *(("feature", plugin) for plugin in features),
            *(("model", plugin) for plugin in models),
        ]
        added = [(kind, plugin) for kind, plugin in given if plugin not in self._known(kind).values()]
        if not added:
            return self
        before = list(self._of_the_caller())
        codes = "".join(source_digest(plugin) for _, plugin in (*before, *added))
        package = Package("", CALLER, hashlib.sha256(codes.encode()).hexdigest()[:8])
        return self._with(package, added)

    def portable(self) -> PluginSource:
        """What a worker process is given in order to make this registry.

        Raises:
            BenchError: If a class of the calling script cannot be pickled.
        """
        classes = tuple((kind, plugin.name, pickled(kind, plugin)) for kind, plugin in self._of_the_caller())
        caller = next((package for package in self.packages if package.distribution == CALLER), None)
        return PluginSource(self.only, caller, classes)

    def _known(self, kind: str) -> dict[str, Any]:
        known: dict[str, Any] = getattr(self, f"{kind}s")
        return known

    def _of_the_caller(self) -> Iterator[tuple[str, type[Plugin]]]:
        for (kind, name), package in self.origins.items():
            if package.distribution == CALLER:
                yield kind, self._known(kind)[name]

    def _with(self, package: Package, classes: Iterable[tuple[str, Any]]) -> Registry:
        """A copy that holds the classes, by kind, as those of `package`, which stands for all classes of the caller."""
        registry = replace(
            self,
            datasets=dict(self.datasets),
            features=dict(self.features),
            models=dict(self.models),
            packages=[*(known for known in self.packages if known.distribution != CALLER), package],
            origins={key: package if of.distribution == CALLER else of for key, of in self.origins.items()},
            codes={},
        )
        for kind, plugin in classes:
            if complaint := registry._add(package, kind, plugin):
                raise BenchError(complaint)
        return registry

    def _add(self, package: Package, kind: str, contribution: Any) -> str:
        """Registers a contribution, or says in one line why it cannot be registered."""
        name, known = getattr(contribution, "name", None), self._known(kind)
        if complaint := _not_conforming(kind, contribution):
            return complaint
        if not isinstance(name, str):
            return f'{contribution.__name__} has no name: give the class one, `name: ClassVar[str] = "my-{kind}"`'
        if not PLUGIN_NAME.fullmatch(name):
            return f"{kind} {name!r}: a name is of letters, digits, '.', '_' and '-', at most 100"
        if name in known:
            return f"{kind} {name!r} is already brought by {self.origins[kind, name]}: choose another name"
        if kind != "dataset" and isinstance(contribution, type) and (complaint := _lacks_defaults(contribution)):
            return f"{kind} {name!r} cannot be made from its defaults: {complaint}"
        known[name] = contribution
        self.origins[kind, name] = package
        return ""


def find(kind: str, known: Mapping[str, Contributed], name: str) -> Contributed:
    """`known[name]`.

    Raises:
        BenchError: If there is no such name; it suggests the nearest ones.
    """
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
    """The registry of the plugins that are installed, loaded once a process.

    It is called at the edges of the program alone: the command line, the Python API and tests. BENCH_PLUGINS, a comma list
    of entry points, restricts what is loaded.

    Raises:
        WrongUsage: If BENCH_PLUGINS names what is not installed.
    """
    wanted = os.environ.get("BENCH_PLUGINS")
    if not wanted:
        return load()
    names, known = [name.strip() for name in wanted.split(",")], entry_point_names()
    for name in names:
        if name and name not in known:
            raise WrongUsage(
                f"BENCH_PLUGINS={wanted}: no installed package is called {name!r}, {did_you_mean(name, known)}"
            )
    return load(only=names)


def load(*, only: Iterable[str] | None = None) -> Registry:
    """Loads installed plugin packages.

    Args:
        only: Names of the entry points to load; None for all.

    Returns:
        A registry of its own; changing it changes no other.
    """
    registry = Registry(only=None if only is None else tuple(name.strip() for name in only))
    for contributions in discover(registry.only):
        if isinstance(contributions, Problem):
            registry.packages.append(contributions.package)
            registry.problems.append(contributions)
            continue
        registry.packages.append(contributions.package)
        registry.imports[contributions.package] = contributions.imported
        for kind, brought in contributions.brought.items():
            for contribution in brought:
                if complaint := registry._add(contributions.package, kind, contribution):
                    registry.problems.append(Problem(contributions.package, complaint))
    return registry


def _not_conforming(kind: str, contribution: object) -> str:
    """Why a contribution is no class of its kind or, of a kind that brings records, no instance; empty if it is one."""
    contract = CONTRACTS[kind]
    if not issubclass(contract, Plugin):
        named = getattr(contribution, "__name__", repr(contribution))
        return "" if isinstance(contribution, contract) else f"{named} is no {contract.__name__}: build one"
    if not isinstance(contribution, type):
        instance = f", but an instance of {type(contribution).__name__}" if isinstance(contribution, contract) else ""
        return f"{contribution!r} is no class{instance}: return the class itself"
    if issubclass(contribution, contract):
        return ""
    return f"{contribution.__name__} is no {contract.__name__}: derive it from bench.plugins.{contract.__name__}"


def _lacks_defaults(plugin: type[Plugin]) -> str:
    """Why a feature, model, metric or section has no complete defaults, with which every search begins; empty if it has."""
    try:
        plugin()
    except ValidationError as error:
        return first_complaint(error)
    except Exception as error:  # a third party's code may raise anything
        return fault(error)
    return ""

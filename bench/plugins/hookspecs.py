"""The hooks of a plugin package, one a kind. The package names its module as an entry point of the group `bench`.

from bench.plugins import Model, hookimpl

@hookimpl
def bench_models() -> list[type[Model]]:
    return [MyModel]
"""

from __future__ import annotations

from collections.abc import Mapping

import pluggy
from pydantic import BaseModel

from bench.plugins.augmentation_contracts import Augmentation
from bench.plugins.contracts import Dataset, Feature, Model, Recipe
from bench.plugins.executor_contract import ExecutorPlugin
from bench.plugins.reporting_contracts import Metric, ReportSection

ENTRY_POINT_GROUP = "bench"

CONTRACTS: Mapping[str, type[BaseModel]] = {
    "dataset": Dataset,
    "feature": Feature,
    "model": Model,
    "augmentation": Augmentation,
    "recipe": Recipe,
    "metric": Metric,
    "section": ReportSection,
    "executor": ExecutorPlugin,
}
"""What is brought, by kind. The hook of a kind is `bench_KINDs`, its place in the registry `KINDs`: a kind is added here,
with a hook below and a field of `Registry`, and found, checked for its contract and listed like the others."""

hookspec = pluggy.HookspecMarker("bench")
hookimpl = pluggy.HookimplMarker("bench")


@hookspec
def bench_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Returns the Dataset classes of the package."""


@hookspec
def bench_features() -> list[type[Feature]]:  # type: ignore[empty-body]
    """Returns the Feature classes of the package."""


@hookspec
def bench_models() -> list[type[Model]]:  # type: ignore[empty-body]
    """Returns the Model classes of the package."""


@hookspec
def bench_augmentations() -> list[type[Augmentation]]:  # type: ignore[empty-body]
    """Returns the Augmentation classes of the package."""


@hookspec
def bench_recipes() -> list[Recipe]:  # type: ignore[empty-body]
    """Returns the recipes of the package."""


@hookspec
def bench_metrics() -> list[type[Metric]]:  # type: ignore[empty-body]
    """Returns the Metric classes of the package."""


@hookspec
def bench_sections() -> list[type[ReportSection]]:  # type: ignore[empty-body]
    """Returns the ReportSection classes of the package."""


@hookspec
def bench_executors() -> list[ExecutorPlugin]:  # type: ignore[empty-body]
    """Returns the executors of the package."""

"""The four hooks of a plugin package. The package names its module as an entry point of the group `bench`.

from bench.plugins import Model, hookimpl

@hookimpl
def bench_models() -> list[type[Model]]:
    return [MyModel]
"""

from __future__ import annotations

import pluggy

from bench.plugins.contracts import Dataset, Feature, Model, Recipe

ENTRY_POINT_GROUP = "bench"

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
def bench_recipes() -> list[Recipe]:  # type: ignore[empty-body]
    """Returns the recipes of the package."""

"""The four hooks of a plugin package. Entry-point group: `bench`.

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
    """Dataset classes that this package brings."""


@hookspec
def bench_features() -> list[type[Feature]]:  # type: ignore[empty-body]
    """Feature classes that this package brings."""


@hookspec
def bench_models() -> list[type[Model]]:  # type: ignore[empty-body]
    """Model classes that this package brings."""


@hookspec
def bench_recipes() -> list[Recipe]:  # type: ignore[empty-body]
    """Recipes that this package brings."""

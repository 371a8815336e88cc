"""What ships with the harness. It comes through the same entry point as any other plugin package.

Each hook imports its own subpackage, so that a failure in one names itself and importing this module costs nothing.
"""

from __future__ import annotations

from bench.plugins import Augmentation, Dataset, ExecutorPlugin, Feature, Model, Recipe, hookimpl


@hookimpl
def bench_datasets() -> list[type[Dataset]]:
    from bench_plugins.datasets import DATASETS

    return list(DATASETS)


@hookimpl
def bench_features() -> list[type[Feature]]:
    from bench_plugins.features import FEATURES

    return list(FEATURES)


@hookimpl
def bench_models() -> list[type[Model]]:
    from bench_plugins.models import MODELS

    return list(MODELS)


@hookimpl
def bench_augmentations() -> list[type[Augmentation]]:
    from bench_plugins.augmentations import AUGMENTATIONS

    return list(AUGMENTATIONS)


@hookimpl
def bench_recipes() -> list[Recipe]:
    from bench_plugins.recipes import RECIPES

    return list(RECIPES)


@hookimpl
def bench_executors() -> list[ExecutorPlugin]:
    from bench_plugins.executors import EXECUTORS

    return list(EXECUTORS)

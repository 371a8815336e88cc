"""An example of a plugin package: what it brings, one hook a kind."""

from __future__ import annotations

from bench.plugins import Augmentation, Dataset, Feature, Model, Recipe, hookimpl


@hookimpl
def bench_datasets() -> list[type[Dataset]]:
    from bench_example.timbres import Timbres

    return [Timbres]


@hookimpl
def bench_features() -> list[type[Feature]]:
    from bench_example.envelope import BandEnvelope

    return [BandEnvelope]


@hookimpl
def bench_models() -> list[type[Model]]:
    from bench_example.band_mlp import BandMlp

    return [BandMlp]


@hookimpl
def bench_augmentations() -> list[type[Augmentation]]:
    from bench_example.tremolo import Tremolo

    return [Tremolo]


@hookimpl
def bench_recipes() -> list[Recipe]:
    from bench_example.recipes import TIMBRE_MLP

    return [TIMBRE_MLP]

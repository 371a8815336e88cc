"""Makes the record of what a trained network needs beside its weights."""

from __future__ import annotations

from collections.abc import Mapping

from bench.data.prepared import PreparedData
from bench.plugins.registry import Registry
from bench.training.batches import input_samples
from bench.trial.trial_records import ModelRecord, TrialSpec


def model_record(spec: TrialSpec, data: PreparedData, registry: Registry, versions: Mapping[str, str]) -> ModelRecord:
    """What the network of a specification needs beside its weights.

    Args:
        spec: The specification.
        data: The data that it was trained on, divided as its outer fold.
        registry: The plugins; the data set's may be missing.
        versions: What the network was trained with.

    Raises:
        BenchError: If the feature is not installed.
    """
    rate = registry.feature(spec.feature).sample_rate
    dataset = registry.datasets.get(spec.dataset.name)
    return ModelRecord(
        labels=data.labels,
        seconds=data.seconds,
        sample_rate=rate,
        samples=input_samples(spec.training, sample_rate=rate, seconds=data.seconds),
        source="" if dataset is None else dataset.source,
        licence="" if dataset is None else dataset.licence,
        spec=spec,
        versions=dict(versions),
    )

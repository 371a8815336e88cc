"""Notes on clips that are shorter than a model input: they are used, with zeros for the sound that they lack."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import torch
from numpy.typing import NDArray

from bench.data.leakage import clips_of
from bench.data.preparation import load_split
from bench.data.prepared import PreparedData
from bench.plugins import Feature, Infeasible, Model
from bench.plugins.networks import build_network
from bench.plugins.registry import Registry
from bench.training.batches import input_samples
from bench.trial.feasibility import refuses_shape
from bench.trial.trial_records import TrialSpec


def short_clip_notes(spec: TrialSpec, data: PreparedData, *, registry: Registry) -> tuple[str, ...]:
    """Notes clips that are shorter than the run's segments or, if they keep their lengths, than its model takes.

    Args:
        spec: The run.
        data: Its data.
        registry: The plugins.

    Returns:
        The line; nothing if there are no such clips.

    Raises:
        BenchError: If the decoded audio is gone.
    """
    feature, model = registry.feature(spec.feature), registry.model(spec.model)
    segment = spec.training.segment_seconds
    if segment is None and not (spec.training.lengths == "own" and model.any_length):
        return ()
    lengths = _lengths(data, feature.sample_rate)
    if segment is not None:
        least = input_samples(spec.training, sample_rate=feature.sample_rate, seconds=data.seconds)
        than, filled = f"the segments of {segment:g} s", "each is one segment, with zeros at its end"
    else:
        shortest = _least(model, feature, lengths, classes=len(data.labels))
        if shortest is None:  # the run itself shows the error
            return ()
        least = shortest
        than, filled = f"{spec.model.name} on {spec.feature.name} takes", "their features get zeros before them"
    short = int((lengths < least).sum())
    return (f"{clips_of(short)} {'is' if short == 1 else 'are'} shorter than {than}: {filled}",) if short else ()


def _lengths(data: PreparedData, sample_rate: int) -> NDArray[np.int64]:
    """Samples of every clip of the readable splits, before padding."""
    return np.concatenate([load_split(data, split, sample_rate=sample_rate).lengths for split in data.splits])


def _least(model: Model, feature: Feature, lengths: NDArray[np.int64], *, classes: int) -> int | None:
    """The shortest length that the model can be built for; None if there is none."""
    distinct: list[int] = np.unique(lengths).tolist()
    index = bisect_left(distinct, True, key=lambda samples: _takes(model, feature.shape(samples), classes))
    return distinct[index] if index < len(distinct) else None


def _takes(model: Model, shape: tuple[int, ...], classes: int) -> bool:
    try:
        with torch.device("meta"):
            build_network(model, shape, classes)
    except Exception as error:  # all but a refusal the run itself will show
        return not isinstance(error, Infeasible) and not refuses_shape(error)
    return True

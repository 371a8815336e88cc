"""Clips that are shorter than what the network is shown: they stay, with zeros where sound is missing, and it is said."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import torch
from numpy.typing import NDArray

from bench.data.leakage import clips_of
from bench.data.preparation import load_split
from bench.data.prepared import PreparedData
from bench.plugins import Feature, Infeasible, Model
from bench.plugins.registry import Registry
from bench.training.batches import input_samples
from bench.trial.feasibility import refuses_shape
from bench.trial.trial_records import TrialSpec


def short_clip_notes(spec: TrialSpec, data: PreparedData, *, registry: Registry) -> tuple[str, ...]:
    """A line on the clips that are shorter than the run's segments or, where clips keep their own lengths, than its model
    takes; nothing where there are none. Raises BenchError where the decoded audio is gone."""
    feature, model = registry.feature(spec.feature), registry.model(spec.model)
    segment = spec.training.segment_seconds
    if segment is None and not (spec.training.lengths == "own" and model.any_length):
        return ()
    lengths = _lengths(data, feature.sample_rate)
    if segment is not None:
        least = input_samples(spec.training, sample_rate=feature.sample_rate, seconds=data.seconds)
        than, filled = f"the segments of {segment:g} s", "each is one segment, with zeros at its end"
    else:
        found = _least(model, feature, lengths, classes=len(data.labels))
        if found is None:  # the run itself says what is missing
            return ()
        least = found
        than, filled = f"{spec.model.name} on {spec.feature.name} takes", "their features get zeros before them"
    short = int((lengths < least).sum())
    return (f"{clips_of(short)} {'is' if short == 1 else 'are'} shorter than {than}: {filled}",) if short else ()


def _lengths(data: PreparedData, sample_rate: int) -> NDArray[np.int64]:
    """Samples of every clip in reach before padding."""
    return np.concatenate([load_split(data, split, sample_rate=sample_rate).lengths for split in data.splits])


def _least(model: Model, feature: Feature, lengths: NDArray[np.int64], *, classes: int) -> int | None:
    """The shortest of the lengths that the model is built for; None where it is for none."""
    distinct: list[int] = np.unique(lengths).tolist()
    place = bisect_left(distinct, True, key=lambda samples: _takes(model, feature.shape(samples), classes))
    return distinct[place] if place < len(distinct) else None


def _takes(model: Model, shape: tuple[int, ...], classes: int) -> bool:
    try:
        with torch.device("meta"):
            model.build(shape, classes)
    except Exception as error:  # all but a refusal the run itself will show
        return not isinstance(error, Infeasible) and not refuses_shape(error)
    return True

"""How far a figure would move on other clips, or other speakers, of the same kind: bootstrap intervals.

This is the percentile bootstrap (Efron & Tibshirani, 1993). If the speaker (group) of every clip is known, speakers are
resampled and not clips: clips of one speaker are not independent, and an interval over clips would be too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.evaluation.interval import Interval
from bench.evaluation.metrics import Objective
from bench.evaluation.predictions import Predictions

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
FEWEST_GROUPS = 3
"""Number of groups below which clips are resampled instead, since so few tell nothing; up to about 20 are a rough guide."""


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of one split.

    Clips with equal target and equal predictions are one *kind*: a metric needs to know only how many clips of every kind a
    resample has, so that thousands of resamples are one small matrix.
    """

    targets: NDArray[np.int64]
    """True class of every kind, [kinds]."""
    predicted: NDArray[np.int64]
    """Predicted class, [results, kinds]: a row for each seed or network."""
    counts: Floats
    """Number of clips of every kind in the split itself, [1, kinds]."""
    resampled: Floats
    """Number of clips of every kind in every resample, [resamples, kinds]."""
    over: Literal["clips", "groups"]
    """What was resampled."""
    units: int
    """Number of clips or groups."""

    def interval(self, statistic: Callable[[Floats], Floats]) -> Interval:
        """Computes the interval of a statistic that maps counts [n, kinds] to values [n]."""
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(statistic(self.resampled), [tail, 1 - tail])
        return Interval(
            low=float(low), high=float(high), over=self.over, units=self.units, resamples=len(self.resampled)
        )


def bootstrap_interval(
    results: Sequence[Predictions], *, metric: Objective = "accuracy", resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Computes the interval of a metric over the clips (or groups) of a split.

    Args:
        results: Predictions of the same split, as by several seeds; the metric is its mean over them.
        metric: The metric.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resamples.

    Raises:
        BenchError: The results are of different clips, or of none.
    """
    drawn = resample(results, resamples=resamples, seed=seed)
    of_metric = accuracy if metric == "accuracy" else balanced_accuracy

    def mean_over_results(counts: Floats) -> Floats:
        return np.asarray(of_metric(drawn, counts).mean(axis=0), dtype=np.float64)

    return drawn.interval(mean_over_results)


def resample(results: Sequence[Predictions], *, resamples: int = RESAMPLES, seed: int = 0) -> Resamples:
    """Draws resamples of the clips that all `results` are of, or of their groups if those are known and enough.

    Args:
        results: Predictions of the same split.
        resamples: Number of resamples.
        seed: Seed of the draws.

    Raises:
        BenchError: The results are of different clips, or of none.
    """
    first = results[0]
    if not first.ids:
        raise BenchError("the predictions are of no clips, so there is nothing to evaluate: check the data set's split")
    outcomes = np.stack([first.targets, *(aligned(result, first).predicted for result in results)])
    kinds, kind_of_clip, counts = np.unique(outcomes, axis=1, return_inverse=True, return_counts=True)
    random = np.random.default_rng(seed)
    groups, group_of_clip = np.unique(np.array(first.groups, dtype=np.str_), return_inverse=True)
    by_group = all(first.groups) and len(groups) >= FEWEST_GROUPS
    if by_group:
        kinds_of_group = np.zeros((len(groups), kinds.shape[1]))
        np.add.at(kinds_of_group, (group_of_clip, kind_of_clip.reshape(-1)), 1)
        drawn = random.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=resamples) @ kinds_of_group
    else:
        drawn = random.multinomial(len(first.ids), counts / counts.sum(), size=resamples).astype(np.float64)
    return Resamples(
        targets=kinds[0],
        predicted=kinds[1:],
        counts=counts[None].astype(np.float64),
        resampled=drawn,
        over="groups" if by_group else "clips",
        units=len(groups) if by_group else len(first.ids),
    )


def aligned(result: Predictions, reference: Predictions) -> Predictions:
    """Returns `result` with its clips in the order of `reference`. Raises BenchError unless both are of the same clips."""
    if result.labels != reference.labels:
        raise BenchError("the results have different classes: compare results of one data set and revision")
    if result.ids != reference.ids:
        by_id, reference_by_id = np.argsort(result.ids, kind="stable"), np.argsort(reference.ids, kind="stable")
        if [result.ids[i] for i in by_id] != [reference.ids[i] for i in reference_by_id]:
            raise BenchError("the results are of different clips: compare results of one data set, revision and split")
        order = np.empty_like(by_id)
        order[reference_by_id] = by_id
        result = Predictions(
            labels=result.labels,
            ids=reference.ids,
            groups=tuple(result.groups[i] for i in order),
            targets=result.targets[order],
            probabilities=result.probabilities[order],
        )
    if not np.array_equal(result.targets, reference.targets):
        raise BenchError("the results disagree on the true classes: compare results of one data set and revision")
    return result


def accuracy(drawn: Resamples, counts: Floats) -> Floats:
    """Computes the accuracy of every result in every resample, [results, n], from counts [n, kinds]."""
    correct = (drawn.predicted == drawn.targets).astype(np.float64)
    return np.asarray((correct @ counts.T) / counts.sum(axis=1), dtype=np.float64)


def balanced_accuracy(drawn: Resamples, counts: Floats) -> Floats:
    """Computes the balanced accuracy of every result in every resample, [results, n], from counts [n, kinds].

    A class that a resample lacks is left out of its mean.
    """
    is_target = drawn.targets[:, None] == np.unique(drawn.targets)
    clips = counts @ is_target
    recalls = [
        np.divide(counts @ (is_target * right[:, None]), clips, out=np.full_like(clips, np.nan), where=clips > 0)
        for right in drawn.predicted == drawn.targets
    ]
    return np.asarray(np.nanmean(recalls, axis=2), dtype=np.float64)

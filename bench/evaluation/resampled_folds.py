"""Intervals and comparisons over outer folds, by the corrected resampled t test.

Networks of different folds share most of their training clips, so that their scores vary together and the variance of their
mean is more than that of k independent ones. Nadeau & Bengio (2003) put (1/k + test clips / training clips) times the
variance over folds in its place, with k - 1 degrees of freedom; Bouckaert & Frank (2004) do so for repeated cuts. It covers
new training clips, which an interval over the test clips of one cut does not. A network's seeds are averaged within a fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from bench.evaluation.interval import CONFIDENCE, Interval, Over
from bench.evaluation.paired_comparison import Comparison
from bench.evaluation.uncertainty import Floats, wilson_ends

METHOD = "corrected resampled t over folds"


@dataclass(frozen=True)
class FoldScores:
    """The test scores of one configuration in every outer fold."""

    scores: Floats
    """[folds, seeds]"""
    clips: int
    """Number of different clips that were tested."""
    groups: int | None
    """Number of their groups; None if these are not known."""
    new_groups: bool
    """Whether groups are known and none is in training and test of one fold."""
    test_share: float
    """Number of test clips of a fold, as a multiple of its training clips."""

    @property
    def of_folds(self) -> Floats:
        """Score of every fold, the mean over seeds, [folds]."""
        return np.asarray(self.scores.mean(axis=1), dtype=np.float64)

    def described(self, low: float, high: float) -> Interval:
        """Returns an interval with what it is over."""
        seeds = self.scores.shape[1]
        over: tuple[Over, ...] = ("clips", *(("groups",) if self.new_groups else ()), "training")
        return Interval(
            low=low,
            high=high,
            over=(*over, "seeds") if seeds > 1 else over,
            clips=self.clips,
            groups=self.groups,
            seeds=seeds,
            folds=len(self.scores),
            method=METHOD,
        )


def interval_over_folds(folds: FoldScores) -> Interval:
    """Computes the 95 % interval of the mean score of several folds, of which there are two at least."""
    values = folds.of_folds
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    squared = quantile**2 * _variance_of_mean(values, folds.test_share)
    return folds.described(*wilson_ends(round(float(values.mean()), 12), squared, most_clips=folds.clips))


def compare_over_folds(a: FoldScores, b: FoldScores) -> Comparison:
    """Compares two configurations that were tested in the same folds, fold by fold."""
    differences, freedom = a.of_folds - b.of_folds, len(a.scores) - 1
    mean = float(differences.mean())
    deviation = float(np.sqrt(_variance_of_mean(differences, a.test_share)))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * deviation
    fewer = min(a, b, key=lambda folds: folds.scores.shape[1])
    return Comparison(
        a=float(a.scores.mean()),
        b=float(b.scores.mean()),
        difference=mean,
        interval=fewer.described(max(mean - half, -1.0), min(mean + half, 1.0)),
        p_value=_p_value(mean, deviation, freedom),
        mcnemar=None,
    )


def _variance_of_mean(values: Floats, test_share: float) -> float:
    """The corrected variance of the mean of values of the folds, [folds]."""
    return float(values.var(ddof=1)) * (1 / len(values) + test_share)


def _p_value(mean: float, deviation: float, freedom: int) -> float:
    if mean == 0:
        return 1.0
    return 2 * float(stdtr(freedom, -abs(mean) / deviation)) if deviation else 0.0

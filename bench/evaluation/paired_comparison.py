"""Tests whether one result is better than another on the same clips by more than chance."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.evaluation.interval import Interval
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import RESAMPLES, Floats, accuracy, resample


class PairedComparison(BaseModel):
    """The comparison of results `a` and `b`, clip by clip."""

    model_config = ConfigDict(frozen=True)
    clips: int
    """Number of clips."""
    accuracy_a: float
    accuracy_b: float
    difference: float
    """Accuracy of a minus accuracy of b."""
    interval: Interval
    """Interval of the difference, by resampling the same clips (or groups) for both."""
    only_a: int
    """Number of clips that only a has right."""
    only_b: int
    """Number of clips that only b has right."""
    p_value: float
    """P value of McNemar's test in its exact, two-sided form: how often a fair coin would share out the clips on which the
    two differ as unequally. It takes clips as independent; if the interval is over groups, trust the interval."""


def compare(a: Predictions, b: Predictions, *, resamples: int = RESAMPLES, seed: int = 0) -> PairedComparison:
    """Compares two results on the same clips.

    Args:
        a: Predictions of the first result.
        b: Predictions of the second result, in any order of clips.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resamples.

    Raises:
        BenchError: The results are of different clips.
    """
    drawn = resample([a, b], resamples=resamples, seed=seed)

    def difference(counts: Floats) -> Floats:
        of_a, of_b = accuracy(drawn, counts)
        return np.asarray(of_a - of_b, dtype=np.float64)

    right_a, right_b = drawn.predicted == drawn.targets
    only_a = int(drawn.counts[0, right_a & ~right_b].sum())
    only_b = int(drawn.counts[0, right_b & ~right_a].sum())
    accuracy_a, accuracy_b = accuracy(drawn, drawn.counts)[:, 0]
    return PairedComparison(
        clips=len(a.ids),
        accuracy_a=float(accuracy_a),
        accuracy_b=float(accuracy_b),
        difference=float(accuracy_a - accuracy_b),
        interval=drawn.interval(difference),
        only_a=only_a,
        only_b=only_b,
        p_value=exact_mcnemar(only_a, only_b),
    )


def exact_mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided p value of the binomial test with probability 1/2, exact until the last division."""
    differing = only_a + only_b
    tail = sum(comb(differing, hits) for hits in range(min(only_a, only_b) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**differing)))

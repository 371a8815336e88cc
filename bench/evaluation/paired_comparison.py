"""Whether one result is better than another on the same clips, by more than chance."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import RESAMPLES, Floats, Interval, accuracy, resample


class Comparison(BaseModel):
    """Result `a` against result `b`, clip by clip."""

    model_config = ConfigDict(frozen=True)
    clips: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    """Accuracy of a minus accuracy of b."""
    interval: Interval
    """Of the difference, by resampling the same clips (or groups) for both."""
    only_a: int
    """Clips that a alone has right."""
    only_b: int
    """Clips that b alone has right."""
    p_value: float
    """McNemar's test in its exact, two-sided form: how often clips on which the two differ would be shared out as
    unequally by a fair coin. It takes clips as independent; where the interval is over groups, believe the interval."""


def compare(a: Predictions, b: Predictions, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Paired comparison of two results. Raises BenchError where they are of different clips."""
    drawn = resample([a, b], resamples=resamples, seed=seed)

    def difference(counts: Floats) -> Floats:
        of_a, of_b = accuracy(drawn, counts)
        return np.asarray(of_a - of_b, dtype=np.float64)

    right_a, right_b = drawn.predicted == drawn.targets
    only_a = int(drawn.counts[0, right_a & ~right_b].sum())
    only_b = int(drawn.counts[0, right_b & ~right_a].sum())
    accuracy_a, accuracy_b = accuracy(drawn, drawn.counts)[:, 0]
    return Comparison(
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
    """Two-sided p value of the binomial test with probability 1/2, in whole numbers until the last division."""
    differing = only_a + only_b
    tail = sum(comb(differing, hits) for hits in range(min(only_a, only_b) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**differing)))

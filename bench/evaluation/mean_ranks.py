"""Ranks of several methods over several data sets, and how far apart they must be to differ (Demšar, 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from bench.errors import BenchError
from bench.evaluation.interval import CONFIDENCE


@dataclass(frozen=True)
class MeanRanks:
    """Methods with their mean ranks, the best first."""

    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    """Mean over data sets of the rank by score, from 1; methods with equal scores share the mean of their ranks."""
    critical_difference: float
    """Difference of two mean ranks from which on they differ, by Nemenyi's test over all pairs."""
    p_value: float | None
    """Of Friedman's test that all are alike, 0 to 1; None for two methods."""
    datasets: int


def mean_ranks(methods: Sequence[str], scores: ArrayLike) -> MeanRanks:
    """Ranks methods within every data set, and averages.

    Args:
        methods: Names of two methods or more.
        scores: Score of every method on every data set, [data sets, methods]; higher is better.

    Raises:
        BenchError: There are fewer than two methods or data sets.
    """
    values = np.asarray(scores, dtype=np.float64)
    datasets, number = values.shape
    if min(datasets, number) < 2:
        raise BenchError(
            f"{number} methods on {datasets} data sets cannot be ranked: there must be two of each at least"
        )
    ranks = rankdata(-values, axis=1).mean(axis=0)
    order = np.argsort(ranks, kind="stable")
    quantile = float(studentized_range.ppf(CONFIDENCE, number, np.inf)) / np.sqrt(2)
    return MeanRanks(
        methods=tuple(methods[index] for index in order),
        ranks=tuple(ranks[order].tolist()),
        critical_difference=float(quantile * np.sqrt(number * (number + 1) / (6 * datasets))),
        p_value=float(friedmanchisquare(*values.T).pvalue) if number > 2 else None,
        datasets=datasets,
    )

"""Compares every pair of several results on the same clips, and says which ranks each may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from pydantic import BaseModel, ConfigDict
from statsmodels.stats.multitest import multipletests

from bench.evaluation.interval import CONFIDENCE
from bench.evaluation.paired_comparison import Comparison, compare
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import correct_clips, groups_if_known


class PairedRows(BaseModel):
    """The comparison of two of several results."""

    model_config = ConfigDict(frozen=True)
    a: int
    """Number of the first result, from 0."""
    b: int
    comparison: Comparison
    adjusted: float
    """P value by Holm's (1979) method over all pairs."""

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance, given that all pairs were looked at."""
        return self.adjusted < 1 - CONFIDENCE


def compare_all(number: int, compare_pair: Callable[[int, int], Comparison | None]) -> tuple[PairedRows, ...]:
    """Compares every pair of results.

    Args:
        number: Number of results.
        compare_pair: Compares two of them, by their numbers: see `by_clips`.

    Returns:
        All pairs that can be compared.
    """
    by_pair = {(a, b): compare_pair(a, b) for a, b in combinations(range(number), 2)}
    comparisons = {pair: comparison for pair, comparison in by_pair.items() if comparison is not None}
    if not comparisons:
        return ()
    adjusted = multipletests([comparison.p_value for comparison in comparisons.values()], method="holm")[1]
    return tuple(
        PairedRows(a=a, b=b, comparison=comparison, adjusted=float(p_value))
        for ((a, b), comparison), p_value in zip(comparisons.items(), adjusted, strict=True)
    )


def by_clips(
    results: Sequence[Sequence[Predictions]], *, balanced: bool = False, known_groups: bool = False
) -> Callable[[int, int], Comparison | None]:
    """Returns the comparison of two of several results, clip by clip.

    Args:
        results: Predictions of each seed, by result; all of the same clips.
        balanced: Whether balanced accuracies are compared.
        known_groups: Whether training has other clips of the groups.

    Raises:
        BenchError: The results are of different clips, or of none.
    """
    first = results[0][0]
    correct = [correct_clips([first, *predictions])[1:] for predictions in results]
    targets = first.targets if balanced else None
    groups = groups_if_known(first)
    return lambda a, b: compare(correct[a], correct[b], groups, targets=targets, known_groups=known_groups)


def rank_ranges(pairs: Sequence[PairedRows], number: int) -> tuple[tuple[int, int], ...]:
    """Returns the best and the worst rank of each of so many results: those that it differs from are above or below it."""
    better, worse = np.zeros(number, dtype=int), np.zeros(number, dtype=int)
    for pair in pairs:
        if pair.differs:
            winner, loser = (pair.a, pair.b) if pair.comparison.difference > 0 else (pair.b, pair.a)
            better[loser] += 1
            worse[winner] += 1
    return tuple((1 + int(above), number - int(below)) for above, below in zip(better, worse, strict=True))

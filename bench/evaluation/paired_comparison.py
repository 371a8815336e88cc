"""Compares two results on the same clips: their difference, its interval, and whether it is more than chance.

It is the two-way layout of `uncertainty.py` for the difference clip by clip: groups and clips are paired, seeds are not, so
that the variance of the seeds is Welch's. The p value is of configurations that are equal: seeds of both then vary alike,
and their variances are one, known from the seeds of both (Student's). With few seeds it may tell apart what the interval,
which holds for unequal ones, too, leaves open.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import binomtest

from bench.errors import BenchError
from bench.evaluation.interval import CONFIDENCE, Interval
from bench.evaluation.uncertainty import (
    LEAST,
    Components,
    Floats,
    Groups,
    Layout,
    as_outcomes,
    components,
    layout,
    method,
    squared_half_width,
)


class Comparison(BaseModel):
    """The difference of the accuracies of `a` and `b` on the same clips."""

    model_config = ConfigDict(frozen=True)
    a: float
    """Accuracy of a, the mean over its seeds."""
    b: float
    difference: float
    """Accuracy of a minus accuracy of b."""
    interval: Interval
    """Interval of the difference, -1 to 1. `seeds` is the smaller number of the two."""
    p_value: float
    """How often a difference as large comes up between two that are equal, 0 to 1; seeds of both then vary alike."""
    mcnemar: float | None
    """P value of McNemar's exact test, for one seed of each alone. It takes clips as independent and covers no seeds."""

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance at the interval's confidence."""
        return self.p_value < 1 - self.interval.confidence


def compare(
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    targets: ArrayLike | None = None,
    known_groups: bool = False,
) -> Comparison | None:
    """Compares the accuracies of two results on the same clips.

    Args:
        a: Whether each network got each clip right, bool [seeds, clips] or [clips].
        b: The same of the other result, with its clips in the same order; its number of seeds may be another.
        groups: Name of the group (speaker, recording) of every clip.
        targets: True class of every clip, to compare balanced accuracies.
        known_groups: Whether training has other clips of the groups: the interval is then of new clips of these groups.

    Returns:
        The comparison, or None where there are too few groups or clips for one: see `why_none`.

    Raises:
        BenchError: The two are of different numbers of clips, or there are none.
    """
    of_a, of_b = as_outcomes(a), as_outcomes(b)
    if of_a.shape[1] != of_b.shape[1]:
        raise BenchError(f"a has {of_a.shape[1]} clips and b {of_b.shape[1]}: compare results on the same clips")
    clips = layout(of_a.shape[1], groups, targets, known_groups=known_groups)
    if clips.problem() is not None:
        return None
    least = _least_variance(of_a, of_b, clips)
    unequal, equal = (_difference(of_a, of_b, clips, equal=equal) for equal in (False, True))
    half, seeds = _half_width(unequal, clips, least, CONFIDENCE), min(len(of_a), len(of_b))
    difference = unequal[0].mean
    return Comparison(
        a=round(float((of_a @ clips.weights).mean()), 12),
        b=round(float((of_b @ clips.weights).mean()), 12),
        difference=difference,
        interval=Interval(
            low=max(difference - half, -1.0),
            high=min(difference + half, 1.0),
            over=clips.over(seeds),
            clips=clips.clips,
            groups=clips.groups,
            seeds=seeds,
            method=method(clips, seeds).replace("Wilson", "paired difference"),
        ),
        p_value=_p_value(abs(difference), lambda confidence: _half_width(equal, clips, least, confidence)),
        mcnemar=_mcnemar(of_a[0], of_b[0]) if len(of_a) == len(of_b) == 1 else None,
    )


def _difference(a: Floats, b: Floats, clips: Layout, *, equal: bool) -> tuple[Components, float]:
    """Returns the parts of the variance of mean(a) - mean(b), and the degrees of freedom of its seeds (0: one seed).

    The seeds of both vary alike if the two are taken as equal (Student's variance), and else each as they do (Welch's).
    """
    both = components((a.mean(axis=0) - b.mean(axis=0))[None], clips)
    if len(a) == 1 or len(b) == 1:  # Nothing is known of the seeds of one: the other's are taken as they are, too.
        return Components(both.mean, both.units, 0.0, 0.0), 0.0
    of_a, of_b = components(a, clips), components(b, clips)
    rest, freedoms = of_a.rest + of_b.rest, np.array([len(a) - 1.0, len(b) - 1.0])
    variances = np.array([of_a.seeds, of_b.seeds])
    if equal:
        of_one = freedoms @ (variances * (freedoms + 1)) / freedoms.sum()
        return Components(both.mean, both.units, of_one * (1 / (freedoms + 1)).sum(), rest), freedoms.sum()
    within = (variances**2 / freedoms).sum()
    welch = variances.sum() ** 2 / within if within else freedoms.min()
    return Components(both.mean, both.units, variances.sum(), rest), welch


def _half_width(difference: tuple[Components, float], clips: Layout, least: float, confidence: float) -> float:
    parts, of_seeds = difference
    squared = squared_half_width(parts, units_freedom=clips.freedom(), seeds_freedom=of_seeds, confidence=confidence)
    return float(np.sqrt(max(squared, least * float(ndtri((1 + confidence) / 2)) ** 2)))


def _least_variance(a: Floats, b: Floats, clips: Layout) -> float:
    """Returns the variance that is never undercut: that of independent clips, at LEAST in place of the full confidence."""
    usual = float(ndtri((1 + CONFIDENCE) / 2))
    differences = a.mean(axis=0) - b.mean(axis=0)
    if not differences.any():  # Tango's (1998) interval where no clip differs ends at z squared over their number.
        return (usual / clips.effective_clips) ** 2
    scale = float(ndtri((1 + LEAST) / 2)) / usual
    return scale**2 * float((clips.weights**2 * differences**2).sum())


def _p_value(difference: float, half_width: Callable[[float], float]) -> float:
    """Returns 1 minus the confidence whose interval just reaches 0."""
    if difference == 0:
        return 1.0
    low, high = 1e-12, 1 - 1e-12
    if half_width(high) <= difference:
        return 1 - high
    return float(1 - brentq(lambda confidence: half_width(confidence) - difference, low, high, xtol=1e-14))


def _mcnemar(a: Floats, b: Floats) -> float:
    """Two-sided exact p value: how often a fair coin shares out the clips on which the two differ as unequally."""
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((b == 1) & (a == 0)).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0

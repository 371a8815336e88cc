"""How far a mean over correct clips would move with other clips, other speakers (groups) and other seeds.

Networks of several seeds are tested on the same clips, which come in groups: a two-way layout with groups and seeds drawn at
random. The variance of its mean has a part that the seeds share (groups, clips that are hard for all) and a part of the
seeds; each has degrees of freedom of its own, and the half-widths of their t intervals are combined as squares (Zou &
Donner, 2008). The interval is Wilson's (1927) with the number of independent clips that would have this variance (Korn &
Graubard, 1998; Dean & Pagano, 2015), since accuracies near 1 are skewed. docs/statistics.md has formulas and simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from bench.errors import BenchError
from bench.evaluation.interval import CONFIDENCE, Interval, Over, why_no_interval
from bench.evaluation.predictions import Predictions

Floats = NDArray[np.float64]
Groups = Sequence[object] | NDArray[Any]
"""Name of the group of every clip, text or numbers."""

LEAST = 0.8
"""Confidence of the binomial interval of as many independent clips, which is never undercut: variances of few units, or of
few wrong clips, are small by chance. At 0.95 the coverage would be over 99 %."""
ALIKE = 0.01
"""Intraclass correlation of the clips of one group that is assumed where all clips are right, or none."""


@dataclass(frozen=True)
class Layout:
    """The clips of a split: what each weighs, and which unit (group, or the clip itself) it belongs to."""

    unit: NDArray[np.int64]
    """Unit of every clip, [clips]."""
    stratum: NDArray[np.int64]
    """Class of every clip, within which clips weigh the same, [clips]; all 0 for a plain mean."""
    weights: Floats
    """Weight of every clip in the mean, [clips], summing to 1."""
    groups: int | None
    """Number of groups; None if they are not known."""
    new_groups: bool
    """Whether groups are the units."""

    @property
    def clips(self) -> int:
        """Number of clips."""
        return len(self.weights)

    @property
    def shares(self) -> Floats:
        """Weight of every unit, [units]."""
        return np.asarray(np.bincount(self.unit, weights=self.weights), dtype=np.float64)

    @property
    def effective_clips(self) -> float:
        """Number of clips of equal weight that would tell as much (Kish, 1965)."""
        return float(1 / (self.weights**2).sum())

    @property
    def least_independent(self) -> float:
        """Number of independent clips where all are right, or none.

        That says nothing of how groups differ: clips of new ones are as alike as ALIKE (Kish's, 1965, design effect).
        """
        if not self.new_groups:
            return self.effective_clips
        in_a_group = self.effective_clips * float((self.shares**2).sum())
        return self.effective_clips / (1 + max(in_a_group - 1, 0.0) * ALIKE)

    def problem(self) -> str | None:
        """Returns why there can be no interval, or None."""
        effective = float(1 / (self.shares**2).sum()) if self.new_groups else None
        return why_no_interval(self.clips, self.groups if self.new_groups else None, effective)

    def over(self, seeds: int) -> tuple[Over, ...]:
        """Returns what an interval of so many seeds covers."""
        return ("clips", *(("groups",) if self.new_groups else ()), *(("seeds",) if seeds > 1 else ()))

    def freedom(self) -> float:
        """Computes the degrees of freedom of the variance between units (Bell & McCaffrey, 2002).

        Units are taken to differ equally much, whatever their size: units of unequal size then tell less.
        """
        shares = self.shares
        if np.ptp(shares) < 1e-12:
            return len(shares) - 1.0
        squared, scale = (shares**2).sum(), shares**2 / (1 - shares)
        trace = (scale * (1 + squared - 2 * shares)).sum()
        sums = [(scale * shares**power).sum() for power in range(3)]
        between = squared**2 * sums[0] ** 2 - 4 * squared * sums[0] * sums[1] + 2 * sums[0] * sums[2] + 2 * sums[1] ** 2
        own = (scale**2 * ((1 + squared - 2 * shares) ** 2 - (squared - 2 * shares) ** 2)).sum()
        return float(trace**2 / (between + own))


@dataclass(frozen=True)
class Components:
    """The parts of the variance of a mean over clips and seeds."""

    mean: float
    units: float
    """Variance by units: what the seeds share, and what is left of the rest after the mean over seeds."""
    seeds: float
    """Variance by seeds: what seeds differ by, and the same rest. 0 for one seed."""
    rest: float
    """Variance by neither: what units and seeds have in common is in both of the others."""


def layout(clips: int, groups: Groups | None, targets: ArrayLike | None, *, known_groups: bool = False) -> Layout:
    """Arranges clips into units.

    Args:
        clips: Number of clips.
        groups: Name of the group of every clip, text or numbers; None if they are not known.
        targets: True class of every clip, for a mean over classes (balanced accuracy); None for a mean over clips.
        known_groups: Whether training has clips of the groups, so that their clips are new and they are not.

    Raises:
        BenchError: The lengths differ, a clip has no group, or there are no clips.
    """
    if not clips:
        raise BenchError("the predictions are of no clips, so there is nothing to evaluate: check the data set's split")
    for name, values in (("groups", groups), ("targets", targets)):
        if values is not None and len(np.asarray(values)) != clips:
            raise BenchError(f"{len(np.asarray(values))} {name} for {clips} clips: give one for every clip")
    stratum = np.zeros(clips, np.int64) if targets is None else np.unique(np.asarray(targets), return_inverse=True)[1]
    sizes = np.bincount(stratum)
    unit, number = np.arange(clips), None
    if groups is not None:
        names, group = np.unique(_group_names(groups), return_inverse=True)
        number, unit = len(names), (unit if known_groups else group)
    new_groups = number is not None and not known_groups
    return Layout(unit, stratum, 1 / (len(sizes) * sizes[stratum]), number, new_groups)


def _group_names(groups: Groups) -> NDArray[np.str_]:
    """Names of groups, [clips]. Raises BenchError if a clip has none."""
    names = ["" if group is None or group != group else str(group) for group in groups]  # NaN differs from itself
    if "" in names:
        raise BenchError(f"clip {names.index('')} has no group: name one for every clip, or leave the groups out")
    return np.array(names, dtype=np.str_)


def groups_if_known(predictions: Predictions) -> tuple[str, ...] | None:
    """Returns the groups of the clips, or None if that of one is not known."""
    return predictions.groups if all(predictions.groups) else None


def components(values: Floats, clips: Layout) -> Components:
    """Computes the parts of the variance of the mean of `values` [seeds, clips]."""
    seeds, shares = len(values), clips.shares
    of_clips = values.mean(axis=0)
    centre = np.bincount(clips.stratum, weights=of_clips) / np.bincount(clips.stratum)
    scale = 1 / (1 - shares) if len(shares) > 1 else np.zeros(1)
    between = np.bincount(clips.unit, weights=clips.weights * (of_clips - centre[clips.stratum]))
    means = values @ clips.weights
    variance_of_seeds = variance_of_rest = 0.0
    if seeds > 1:
        variance_of_seeds = float(means.var(ddof=1)) / seeds
        rest = clips.weights * (values - of_clips) - np.outer(means - means.mean(), clips.weights)
        of_units = np.stack([np.bincount(clips.unit, weights=row) for row in rest])
        variance_of_rest = float((scale * of_units**2).sum()) / ((seeds - 1) * seeds)
    # Rounding, so that a mean over clips that are all right is 1.
    return Components(
        round(float(means.mean()), 12), float((scale * between**2).sum()), variance_of_seeds, variance_of_rest
    )


def squared_half_width(
    parts: Components, *, units_freedom: float, seeds_freedom: float, confidence: float = CONFIDENCE
) -> float:
    """Combines the t intervals of the parts into the square of one half-width.

    What both parts hold, the rest, is taken off the one with more degrees of freedom.
    """
    of_units = _quantile(units_freedom, confidence) ** 2
    if not seeds_freedom:
        return of_units * parts.units
    of_seeds = _quantile(seeds_freedom, confidence) ** 2
    if units_freedom >= seeds_freedom:
        return of_seeds * parts.seeds + of_units * max(parts.units - parts.rest, 0.0)
    return of_units * parts.units + of_seeds * max(parts.seeds - parts.rest, 0.0)


def _quantile(freedom: float, confidence: float) -> float:
    return float(stdtrit(freedom, (1 + confidence) / 2))


def interval(
    correct: ArrayLike,
    groups: Groups | None = None,
    *,
    targets: ArrayLike | None = None,
    known_groups: bool = False,
) -> Interval | None:
    """Computes the 95 % interval of an accuracy.

    It covers new clips; new groups, if `groups` are given and not known; and new seeds, if there are two or more. With one
    seed it is of that network.

    Args:
        correct: Whether each network got each clip right, bool [seeds, clips] or [clips].
        groups: Name of the group (speaker, recording) of every clip.
        targets: True class of every clip: the interval is then of the balanced accuracy, the mean recall over classes.
        known_groups: Whether training has other clips of the groups: the interval is then of new clips of these groups.

    Returns:
        The interval, or None where there are too few groups or clips for one: see `why_none`.

    Raises:
        BenchError: There are no clips, or the shapes do not fit together.

    Example:
        >>> interval([[True] * 95 + [False] * 5]).claim()
        'new clips, by this network'
    """
    values = as_outcomes(correct)
    seeds, number = values.shape
    clips = layout(number, groups, targets, known_groups=known_groups)
    if clips.problem() is not None:
        return None
    parts = components(values, clips)
    squared = squared_half_width(parts, units_freedom=clips.freedom(), seeds_freedom=seeds - 1)
    most = clips.least_independent if parts.mean in (0, 1) else clips.effective_clips * seeds
    low, high = wilson_ends(parts.mean, squared, most_clips=most)
    return Interval(
        low=low,
        high=high,
        over=clips.over(seeds),
        clips=number,
        groups=clips.groups,
        seeds=seeds,
        method=method(clips, seeds),
    )


def why_none(correct: ArrayLike, groups: Groups | None = None, *, noun: str = "groups") -> str | None:
    """Says why `interval` or `compare` gives None for these clips and groups; None where it gives an interval.

    Args:
        correct: Whether each network got each clip right, bool [seeds, clips] or [clips].
        groups: Name of the group of every clip.
        noun: The word for groups, in the plural.
    """
    problem = layout(as_outcomes(correct).shape[1], groups, None).problem()
    return None if problem is None else problem.format(noun=noun)


def interval_of(
    results: Sequence[Predictions], *, balanced: bool = False, known_groups: bool = False, noun: str = "groups"
) -> tuple[Interval | None, str | None]:
    """Returns the interval of several seeds' predictions of the same clips, or the reason why there is none.

    Args:
        results: Predictions of each seed.
        balanced: Whether it is of the balanced accuracy.
        known_groups: Whether training has other clips of the groups.
        noun: The word for groups, in the plural.

    Raises:
        BenchError: The results are of different clips, or of none.
    """
    first, correct = results[0], correct_clips(results)
    targets = first.targets if balanced else None
    groups = groups_if_known(first)
    value = interval(correct, groups, targets=targets, known_groups=known_groups)
    return value, None if value is not None else why_none(correct, groups, noun=noun)


def as_outcomes(correct: ArrayLike) -> Floats:
    """Returns outcomes as 0 and 1, [seeds, clips]. Raises BenchError for anything else."""
    try:
        values = np.asarray(correct, dtype=np.float64)
    except (TypeError, ValueError):  # text, None, rows of unequal lengths
        values = np.full((1, 1), np.nan)
    if values.ndim not in (1, 2) or not np.isin(values, (0.0, 1.0)).all():
        raise BenchError("outcomes are true or false for every seed and clip, [seeds, clips] or [clips]")
    return np.atleast_2d(values)


def method(clips: Layout, seeds: int) -> str:
    """Names the method in a few words."""
    units = "groups" if clips.new_groups else "clips"
    return f"Wilson with t over {units}{' and seeds' if seeds > 1 else ''}"


def wilson_ends(mean: float, squared: float, *, most_clips: float) -> tuple[float, float]:
    """Returns the ends of Wilson's score interval for as many independent clips as have a half-width.

    Args:
        mean: The score.
        squared: Square of the half-width that its variance gives.
        most_clips: Number of independent clips that it cannot be better known than by, at LEAST of the full confidence; at
            the full one where all clips are right, or none.
    """
    number = _independent_clips(mean, squared, most_clips)
    centre, half = mean + 0.5 / number, np.sqrt(mean * (1 - mean) / number + 0.25 / number**2)
    low, high = (centre - half) / (1 + 1 / number), (centre + half) / (1 + 1 / number)
    return (0.0 if mean == 0 else float(low)), (1.0 if mean == 1 else float(high))


def _independent_clips(mean: float, squared: float, most_clips: float) -> float:
    """Returns how many independent clips would have this half-width at one standard error."""
    variance = mean * (1 - mean)
    if variance == 0:  # Nothing differs: as many clips as there are.
        return most_clips / float(ndtri((1 + CONFIDENCE) / 2)) ** 2
    most = most_clips / float(ndtri((1 + LEAST) / 2)) ** 2
    return min(variance / squared, most) if squared else most


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


def correct_clips(results: Sequence[Predictions]) -> NDArray[np.bool_]:
    """Returns which clips each result has right, [results, clips], in the order of the first result's clips.

    Raises:
        BenchError: The results are of different clips.
    """
    first = results[0]
    return np.stack([(each := aligned(result, first)).predicted == each.targets for result in results])

"""Simulates how often intervals and comparisons over outer folds hold the true value, with learners that really train.

Clips are points of two classes, Gaussian in ten dimensions; those of a group are shifted together. The learner is the
nearest centroid, whose true accuracy has a closed form; the truth is its mean over training sets of a fold's size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, StratifiedShuffleSplit

from bench.evaluation.resampled_folds import FoldScores, compare_over_folds, interval_over_folds
from perf.tables import Column, Row, Sizes, Table

Floats = NDArray[np.float64]

DIMENSIONS = 10
DISTANCES = (0.6, 1.3, 2.0)
"""Half of the distance between the centres of the classes: accuracies of about 0.7, 0.9 and 0.97."""
PROTOCOLS = (
    *("k-fold:3", "k-fold:5", "k-fold:10", "repeated:5", "repeated:10"),
    *("leave-one-group-out:3", "leave-one-group-out:6", "leave-one-group-out:10"),
)
"""The number is that of the folds, which are the groups where these are left out."""
CLIPS = (60, 300, 1000)
HELD_OUT = 0.15
"""Share of the clips that a repeated cut tests, and that it validates."""
SHIFT = 0.7
"""Standard deviation of a group's shift in every dimension."""
Cut = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Training and test clips."""


def measure(sizes: Sizes) -> Table:
    """Returns the table."""
    runs = sizes.of(500, 20)
    cells = [(protocol, clips) for protocol in sizes.of(PROTOCOLS, PROTOCOLS[1:2]) for clips in sizes.of(CLIPS, (60,))]
    return Table(
        "Coverage over outer folds, in percent, at accuracies of about 0.7, 0.9 and 0.97",
        _COLUMNS,
        tuple(fold_row(protocol, clips, runs) for protocol, clips in cells),
        "Nearest centroids in ten dimensions. Equal: two learners that see five of the ten dimensions each. With groups "
        "left out, accuracies are lower.",
    )


@dataclass(frozen=True)
class Points:
    """The clips of a data set."""

    values: Floats
    """[clips, dimensions]"""
    classes: NDArray[np.int64]
    group: NDArray[np.int64]
    """Group of every clip; all 0 if there are none."""

    @classmethod
    def draw(cls, clips: int, distance: float, groups: int, random: np.random.Generator) -> Points:
        """Draws clips, in groups of equal size if `groups` is not 0."""
        classes, group = np.arange(clips) % 2, np.arange(clips) * max(groups, 1) // clips
        shift = SHIFT * random.standard_normal((max(groups, 1), DIMENSIONS)) * bool(groups)
        centre = distance / np.sqrt(DIMENSIONS) * (2 * classes[:, None] - 1)
        return cls(random.standard_normal((clips, DIMENSIONS)) + centre + shift[group], classes, group)


def fold_row(protocol: str, clips: int, runs: int) -> Row:
    """Returns coverage of intervals, and how often equal learners are called different."""
    row: Row = {"protocol": protocol, "clips": clips}
    kind, _, number = protocol.partition(":")
    groups = int(number) if kind == "leave-one-group-out" else 0
    for distance in DISTANCES:
        random = np.random.default_rng([clips, len(protocol), round(10 * distance)])
        truth = _truth(protocol, clips, distance, groups, random)
        held = differs = 0
        for seed in range(runs):
            points = Points.draw(clips, distance, groups, random)
            cuts = list(_cuts(protocol, points, seed))
            interval = interval_over_folds(_scores(points, cuts, slice(None)))
            held += interval.low <= truth <= interval.high
            left, right = (_scores(points, cuts, half) for half in (slice(None, 5), slice(5, None)))
            differs += compare_over_folds(left, right).differs
        row |= {f"covered {distance}": float(100 * held / runs), f"false {distance}": float(100 * differs / runs)}
    return row


def _truth(protocol: str, clips: int, distance: float, groups: int, random: np.random.Generator) -> float:
    """The mean accuracy, on new clips of new groups, of learners that train on as many clips as those of a fold."""
    some = Points.draw(clips, distance, groups, random)
    size = len(next(_cuts(protocol, some, 0))[0])
    learners = []
    for _ in range(2000):
        points = Points.draw(size, distance, max(groups - 1, 0), random)
        learners.append(_true_accuracy(*_centroids(points.values, points.classes), distance, SHIFT * bool(groups)))
    return float(np.mean(learners))


def _cuts(protocol: str, points: Points, seed: int) -> Iterator[Cut]:
    kind, _, number = protocol.partition(":")
    if kind == "k-fold":
        splitter: Any = StratifiedKFold(int(number), shuffle=True, random_state=seed)
    elif kind == "repeated":
        splitter = StratifiedShuffleSplit(
            int(number), test_size=HELD_OUT, train_size=1 - 2 * HELD_OUT, random_state=seed
        )
    else:
        splitter = LeaveOneGroupOut()
    yield from splitter.split(points.values, points.classes, points.group if kind == "leave-one-group-out" else None)


def _centroids(points: Floats, classes: NDArray[np.int64]) -> tuple[Floats, float]:
    """Trains: returns the weights and the threshold of the plane between the centroids."""
    zero, one = points[classes == 0].mean(axis=0), points[classes == 1].mean(axis=0)
    weights = one - zero
    return weights, float(weights @ (zero + one) / 2)


def _true_accuracy(weights: Floats, threshold: float, distance: float, shift: float) -> float:
    centre = float(weights.sum()) * distance / np.sqrt(DIMENSIONS)
    norm = float(np.linalg.norm(weights)) * np.sqrt(1 + shift**2)
    return float(ndtr((centre - threshold) / norm) + ndtr((centre + threshold) / norm)) / 2


def _scores(points: Points, cuts: Sequence[Cut], dimensions: slice) -> FoldScores:
    seen, scores = points.values[:, dimensions], []
    for train, test in cuts:
        weights, threshold = _centroids(seen[train], points.classes[train])
        scores.append([float(((seen[test] @ weights > threshold) == points.classes[test]).mean())])
    grouped = int(points.group.max()) + 1
    return FoldScores(
        np.array(scores),
        clips=len(np.unique(np.concatenate([test for _, test in cuts]))),
        groups=grouped if grouped > 1 else None,
        new_groups=grouped > 1,
        test_share=len(cuts[0][1]) / len(cuts[0][0]),
    )


_COLUMNS = (
    Column("Protocol", "protocol"),
    Column("Clips", "clips", ",d"),
    *(
        column
        for distance, accuracy in zip(DISTANCES, (0.7, 0.9, 0.97), strict=True)
        for column in (
            Column(f"Coverage, {accuracy}", f"covered {distance}", ".1f"),
            Column(f"Equal called different, {accuracy}", f"false {distance}", ".1f"),
        )
    ),
)

"""Simulates how often intervals and comparisons over outer folds hold the true value, with learners that really train.

Clips are points of two classes, Gaussian in ten dimensions. The learner is the nearest centroid, whose true accuracy has a
closed form; the truth is its mean over training sets of the size that a fold has.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from bench.evaluation.resampled_folds import FoldScores, compare_over_folds, interval_over_folds
from perf.tables import Column, Row, Sizes, Table

Floats = NDArray[np.float64]

DIMENSIONS = 10
DISTANCES = (0.6, 1.3, 2.0)
"""Half of the distance between the centres of the classes: accuracies of about 0.7, 0.9 and 0.97."""
PROTOCOLS = ("k-fold:3", "k-fold:5", "k-fold:10", "repeated:5", "repeated:10")
CLIPS = (60, 300, 1000)
HELD_OUT = 0.15
"""Share of the clips that a repeated cut tests, and that it validates."""


def measure(sizes: Sizes) -> Table:
    """Returns the table."""
    runs = sizes.of(500, 20)
    cells = [(protocol, clips) for protocol in sizes.of(PROTOCOLS, PROTOCOLS[1:2]) for clips in sizes.of(CLIPS, (60,))]
    return Table(
        "Coverage over outer folds, in percent, at accuracies of about 0.7, 0.9 and 0.97",
        _COLUMNS,
        tuple(fold_row(protocol, clips, runs) for protocol, clips in cells),
        "Nearest centroids in ten dimensions. Equal: two learners that see five of the ten dimensions each.",
    )


def fold_row(protocol: str, clips: int, runs: int) -> Row:
    """Returns coverage of intervals, and how often equal learners are called different."""
    row: Row = {"protocol": protocol, "clips": clips}
    for distance in DISTANCES:
        random = np.random.default_rng([clips, len(protocol), round(10 * distance)])
        size = len(next(iter(_cuts(protocol, np.arange(clips) % 2, 0)))[0])
        truth = np.mean([_true_accuracy(*_centroids(*_draw(size, distance, random)), distance) for _ in range(2000)])
        held = differs = 0
        for number in range(runs):
            points, classes = _draw(clips, distance, random)
            cuts = list(_cuts(protocol, classes, number))
            interval = interval_over_folds(_scores(points, classes, cuts))
            held += interval.low <= truth <= interval.high
            left, right = (_scores(points[:, half], classes, cuts) for half in (slice(None, 5), slice(5, None)))
            differs += compare_over_folds(left, right).differs
        row |= {f"covered {distance}": float(100 * held / runs), f"false {distance}": float(100 * differs / runs)}
    return row


def _draw(clips: int, distance: float, random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Draws clips, [clips, dimensions], and their classes."""
    classes = np.arange(clips) % 2
    centre = distance / np.sqrt(DIMENSIONS)
    return random.standard_normal((clips, DIMENSIONS)) + centre * (2 * classes[:, None] - 1), classes


def _cuts(
    protocol: str, classes: NDArray[np.int64], seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    kind, _, number = protocol.partition(":")
    blank = np.zeros((len(classes), 1))
    if kind == "k-fold":
        yield from StratifiedKFold(int(number), shuffle=True, random_state=seed).split(blank, classes)
    else:
        cut = StratifiedShuffleSplit(int(number), test_size=HELD_OUT, train_size=1 - 2 * HELD_OUT, random_state=seed)
        yield from cut.split(blank, classes)


def _centroids(points: Floats, classes: NDArray[np.int64]) -> tuple[Floats, float]:
    """Trains: returns the weights and the threshold of the plane between the centroids."""
    zero, one = points[classes == 0].mean(axis=0), points[classes == 1].mean(axis=0)
    weights = one - zero
    return weights, float(weights @ (zero + one) / 2)


def _true_accuracy(weights: Floats, threshold: float, distance: float) -> float:
    centre = float(weights.sum()) * distance / np.sqrt(DIMENSIONS)
    norm = float(np.linalg.norm(weights))
    return float(ndtr((centre - threshold) / norm) + ndtr((centre + threshold) / norm)) / 2


def _scores(
    points: Floats, classes: NDArray[np.int64], cuts: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> FoldScores:
    scores = []
    for train, test in cuts:
        weights, threshold = _centroids(points[train], classes[train])
        scores.append([float(((points[test] @ weights > threshold) == classes[test]).mean())])
    tested = len(np.unique(np.concatenate([test for _, test in cuts])))
    share = len(cuts[0][1]) / len(cuts[0][0])
    return FoldScores(np.array(scores), clips=tested, groups=None, new_groups=False, test_share=share)


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

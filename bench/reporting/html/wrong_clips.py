"""The clips that a page lets one hear: what each of them is, what every seed took it for, and the nearest right clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.metrics import LEAST_PROBABILITY
from bench.evaluation.predictions import Predictions

LEAST_SURE = 20
"""Number of right clips of every class, the least sure ones, that a page names."""
NEAREST = (
    "nearest by the log-probabilities of all classes, less their mean (Aitchison distance), of the network that the page is "
    "of, among the clips that it got right"
)


@dataclass(frozen=True)
class ShownClip:
    """One clip of a page."""

    id: str
    group: str
    truth: int
    """Index of its class."""
    predicted: int
    """Index of what the network that the page is of took it for."""
    probability: float
    """What that network gave its prediction, 0 to 1."""
    of_truth: float
    """What it gave the true class."""
    by_seed: Mapping[str, int]
    """What every seed took it for, by the names of their runs."""
    nearest: str = ""
    """Id of the right clip that the network's output is nearest to; empty for a right clip, and if there is none."""
    nearest_class: int = -1

    @property
    def seeds_wrong(self) -> int:
        """Number of seeds that got it wrong."""
        return sum(predicted != self.truth for predicted in self.by_seed.values())

    @property
    def is_right(self) -> bool:
        """Whether every seed got it right."""
        return not self.seeds_wrong


def shown_clips(shown: str, by_run: Mapping[str, Predictions]) -> list[ShownClip]:
    """Returns the clips that any seed got wrong, those first that the most seeds did, and then some that all got right.

    Args:
        shown: Name of the run that the page is of.
        by_run: Predictions of all seeds of its configuration, on one split, by run.
    """
    predictions = by_run[shown]
    rows = {run: {id: row for row, id in enumerate(other.ids)} for run, other in by_run.items()}
    predicted = {run: other.predicted for run, other in by_run.items()}
    by_seed = [{run: int(predicted[run][rows[run][id]]) for run in by_run if id in rows[run]} for id in predictions.ids]
    wrong = np.array(
        [any(p != truth for p in of.values()) for of, truth in zip(by_seed, predictions.targets, strict=True)]
    )
    nearest = _nearest(predictions, wrong)
    sure = predictions.probabilities.max(axis=1)

    def clip(row: int) -> ShownClip:
        truth, taken_for, near = int(predictions.targets[row]), int(predicted[shown][row]), nearest.get(row)
        return ShownClip(
            id=predictions.ids[row],
            group=predictions.groups[row],
            truth=truth,
            predicted=taken_for,
            probability=float(sure[row]),
            of_truth=float(predictions.probabilities[row, truth]),
            by_seed=by_seed[row],
            nearest="" if near is None else predictions.ids[near],
            nearest_class=-1 if near is None else int(predictions.targets[near]),
        )

    missed = [clip(int(row)) for row in np.flatnonzero(wrong)]
    right = [
        clip(int(row))
        for truth in range(len(predictions.labels))
        for of_class in [np.flatnonzero(~wrong & (predictions.targets == truth))]
        for row in of_class[np.argsort(sure[of_class], kind="stable")][:LEAST_SURE]
    ]
    return [*sorted(missed, key=lambda one: (-one.seeds_wrong, one.of_truth)), *right]


def _nearest(predictions: Predictions, of: NDArray[np.bool_]) -> dict[int, int]:
    """Returns the row of the nearest right clip for every row that is asked for; itself never."""
    from scipy.spatial.distance import cdist

    logs = np.log(np.clip(predictions.probabilities.astype(np.float64), LEAST_PROBABILITY, None))
    points = logs - logs.mean(axis=1, keepdims=True)
    asked, right = np.flatnonzero(of), np.flatnonzero(predictions.predicted == predictions.targets)
    if not len(asked) or len(right) < 2:
        return {}
    distances = cdist(points[asked], points[right])
    distances[asked[:, None] == right[None]] = np.inf
    return dict(zip(asked.tolist(), right[distances.argmin(axis=1)].tolist(), strict=True))

"""Thins out long lines so that they are drawn quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_POINTS = 1200
"""Longer lines are drawn by the extremes of short intervals, which looks the same."""


def thinned(x: NDArray[np.float64], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Returns a line reduced to the smallest and the greatest value of each of its intervals."""
    width = 2 * len(y) // MAX_POINTS
    if width < 3:
        return x, y
    intervals = len(y) // width
    values = y[: intervals * width].reshape(intervals, width)
    extremes = np.stack([values.min(axis=1), values.max(axis=1)], axis=1).ravel()
    return np.repeat(x[: intervals * width : width], 2), extremes

"""Long lines, drawn quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 1200
"""Of a line: longer ones are drawn by the extremes of their stretches, which looks the same."""


def thinned(x: NDArray[np.float64], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """A line by the least and the greatest value of each of its stretches."""
    width = 2 * len(y) // MOST_POINTS
    if width < 3:
        return x, y
    stretches = len(y) // width
    pieces = y[: stretches * width].reshape(stretches, width)
    ends = np.stack([pieces.min(axis=1), pieces.max(axis=1)], axis=1).ravel()
    return np.repeat(x[: stretches * width : width], 2), ends

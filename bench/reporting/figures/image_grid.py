"""Joins many small images into one, which is quicker to draw than as many axes and has one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def side_by_side(images: Sequence[NDArray[np.floating]], gap: int) -> NDArray[np.float64]:
    """Joins images [height, width] of one shape in a row, with `gap` empty (NaN) columns between them."""
    height, width = images[0].shape
    row = np.full((height, len(images) * (width + gap) - gap), np.nan)
    for index, image in enumerate(images):
        start = index * (width + gap)
        row[:, start : start + width] = image
    return row


def image_grid(images: Sequence[NDArray[np.floating]], columns: int, gap: int) -> NDArray[np.float64]:
    """Joins images in rows of `columns` images each and pads the last row with empty ones."""
    missing = -len(images) % columns
    padded = [*images, *[np.full_like(images[0], np.nan)] * missing]
    rows = [side_by_side(padded[start : start + columns], gap) for start in range(0, len(padded), columns)]
    empty = np.full((gap, rows[0].shape[1]), np.nan)
    return np.concatenate([part for row in rows for part in (row, empty)][:-1])

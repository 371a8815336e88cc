"""Many small images in one: quicker to draw than as many axes, and all on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def side_by_side(images: Sequence[NDArray[np.floating]], gap: int) -> NDArray[np.float64]:
    """Images [height, width] of one shape in a row, `gap` empty (NaN) columns between them."""
    height, width = images[0].shape
    row = np.full((height, len(images) * (width + gap) - gap), np.nan)
    for place, image in enumerate(images):
        start = place * (width + gap)
        row[:, start : start + width] = image
    return row


def in_rows(images: Sequence[NDArray[np.floating]], columns: int, gap: int) -> NDArray[np.float64]:
    """The same in rows of so many columns, the last row filled up with emptiness."""
    missing = -len(images) % columns
    padded = [*images, *[np.full_like(images[0], np.nan)] * missing]
    rows = [side_by_side(padded[start : start + columns], gap) for start in range(0, len(padded), columns)]
    empty = np.full((gap, rows[0].shape[1]), np.nan)
    return np.concatenate([part for row in rows for part in (row, empty)][:-1])

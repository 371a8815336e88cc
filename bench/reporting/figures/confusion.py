"""Draws the confusion matrix with counts or with percentages of the true class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import label, new_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LARGE_CELLS = 12
"""Up to this many classes, cells are large."""
MAX_CELLS_WITH_TEXT = 60
"""With more classes than this, numbers no longer fit into their cells, which are shaded only."""


def confusion_matrix(counts: NDArray[np.int64], labels: Sequence[str], title: str) -> bytes:
    """Draws counts [true class, predicted class], shaded by their share of the true class so that rare ones are visible."""
    return _matrix(counts, labels, title, lambda row, column, share: f"{counts[row, column]}")


def confusion_rates(counts: NDArray[np.int64], labels: Sequence[str], title: str) -> bytes:
    """Draws counts [true class, predicted class] as percentages of the true class, so that every row adds up to 100."""
    digits = 1 if len(labels) <= MAX_LARGE_CELLS else 0
    return _matrix(
        counts,
        labels,
        title,
        lambda row, column, share: _percent(share, digits),
        "Predicted (cells: % of the true class)",
    )


def _matrix(
    counts: NDArray[np.int64],
    labels: Sequence[str],
    title: str,
    text: Callable[[int, int, float], str],
    xlabel: str = "Predicted",
) -> bytes:
    from matplotlib.colors import PowerNorm

    classes = len(labels)
    cell = 0.62 if classes <= MAX_LARGE_CELLS else 0.42 if classes <= MAX_CELLS_WITH_TEXT else 0.16
    side = max(cell * classes, 2.4)
    figure = new_figure(side + 2.6, side + 1.9, title)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0.0, vmax=1.0))
    if classes <= MAX_CELLS_WITH_TEXT:
        _write_cells(axes, shares, text, size=9 if classes <= MAX_LARGE_CELLS else 8)
    names = [label(name) for name in labels]
    upright = classes <= MAX_LARGE_CELLS and max(map(len, names)) <= 6
    size = 10 if classes <= MAX_LARGE_CELLS else 9 if classes <= MAX_CELLS_WITH_TEXT else 6
    axes.set_xticks(range(classes), names, rotation=0 if upright else 90, fontsize=size, parse_math=False)
    axes.set_yticks(range(classes), names, fontsize=size, parse_math=False)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("True")
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("Share of the true class")
    return png(figure)


def _write_cells(axes: Axes, shares: NDArray[np.float64], text: Callable[[int, int, float], str], *, size: int) -> None:
    for row, column in zip(*np.nonzero(shares), strict=True):
        share = float(shares[row, column])
        colour = "white" if share > 0.36 else "black"
        axes.text(column, row, text(row, column, share), ha="center", va="center", fontsize=size, color=colour)


def _percent(share: float, digits: int) -> str:
    """Formats a share as percent, such as `97.3`; only an empty cell is written as 0 and only a whole class as 100."""
    text, smallest = f"{100 * share:.{digits}f}", 10.0**-digits
    if float(text) == 0:
        return f"<{smallest:g}"
    return f"{100 - smallest:.{digits}f}" if float(text) == 100 and share < 1 else text

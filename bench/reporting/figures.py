"""The confusion matrix and the training curves of a run, as PNG. Figures are drawn on their own Agg canvas: no pyplot,
no global state, nothing left open."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.reporting.markdown import printable
from bench.trial import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_LABEL = 24
"""Characters of a label that are shown beside a figure."""
MOST_CELLS = 60
"""With more classes than this, counts no longer fit into their cells and the shading stands alone."""
TRAIN, VALIDATION = "#3b6ea8", "#c8553d"


def confusion_matrix(counts: NDArray[np.int64], labels: Sequence[str], title: str) -> bytes:
    """Counts [true class, predicted class], every row shaded by its shares, rare confusions lifted so that they show."""
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    classes = len(labels)
    cell = 0.62 if classes <= 12 else 0.42 if classes <= MOST_CELLS else 0.16
    side = max(cell * classes, 2.4)
    figure = Figure(figsize=(side + 2.6, side + 1.9), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0.0, vmax=1.0))
    if classes <= MOST_CELLS:
        _write_counts(axes, counts, shares, size=9 if classes <= 12 else 8)
    names = [_label(label) for label in labels]
    upright = classes <= 12 and max(map(len, names)) <= 6
    size = 10 if classes <= 12 else 9 if classes <= MOST_CELLS else 6
    axes.set_xticks(range(classes), names, rotation=0 if upright else 90, fontsize=size, parse_math=False)
    axes.set_yticks(range(classes), names, fontsize=size, parse_math=False)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    axes.set_title(_shown(title, 80), parse_math=False, fontsize=11)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("Share of the true class")
    return _png(figure)


def training_curves(epochs: Sequence[Epoch], best_epoch: int | None, title: str) -> bytes:
    """Loss and accuracy of the training and validation clips by epoch, the chosen epoch marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(_shown(title, 100), parse_math=False, fontsize=11)
    numbers = [epoch.number for epoch in epochs]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split, colour in (("train", TRAIN), ("validation", VALIDATION)):
            values = [getattr(epoch, f"{split}_{quantity}") for epoch in epochs]
            axes.plot(numbers, values, color=colour, marker="o", markersize=3.5, label=split)
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.4", linestyle="--", linewidth=1, label=f"best epoch ({best_epoch})")
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Loss (cross entropy, nats)" if quantity == "loss" else "Accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(epochs) == 1:
            axes.set_xlim(0.5, 1.5)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=9)
    return _png(figure)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], *, size: int) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.36 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=size, color=colour)


def _label(label: str) -> str:
    return _shown(label, LONGEST_LABEL)


def _shown(text: str, longest: int) -> str:
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _png(figure: Figure) -> bytes:
    import warnings

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box is drawn in its place
        figure.savefig(buffer, format="png", dpi=120, bbox_inches="tight", pad_inches=0.12)
    return buffer.getvalue()

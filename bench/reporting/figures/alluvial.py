"""Draws an alluvial plot of the flow from predicted to true classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.reporting.figures.canvas import caption, colour, label, new_figure, png
from bench.reporting.numbers import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT_THRESHOLD = 1 / 1000
"""Pairs of classes with fewer clips than this share of all clips are left out."""
CLASS_GAP = 0.22
"""Inches between classes, so that their names do not overlap however few clips they have."""
BANDS_HEIGHT = 4.0
"""Height of all bands together, in inches."""


def alluvial(
    counts: NDArray[np.int64],
    labels: Sequence[str],
    title: str,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    correct: bool = False,
) -> bytes:
    """Draws counts as bands from the predicted class on the left to the true class on the right.

    Args:
        counts: Numbers of clips by [true class, predicted class].
        labels: Names of the classes.
        title: Title of the figure.
        threshold: Smallest fraction of all clips, 0 to 1, at which a pair of classes is drawn.
        correct: Whether correctly classified clips are drawn, too.

    Raises:
        BenchError: No pair of classes reaches the threshold.
    """
    flows = counts.T.copy()  # [predicted, true]
    if not correct:
        np.fill_diagonal(flows, 0)
    rare = flows < threshold * counts.sum()
    left_out = flows[rare]
    flows[rare] = 0
    if not flows.any():
        raise BenchError(
            f"no two classes are confused in {plural(max(1, math.ceil(threshold * counts.sum())), 'clip')} or more "
            f"({threshold:g} of all): there is nothing to draw"
        )
    sides = [np.flatnonzero(flows.sum(axis=axis)) for axis in (1, 0)]
    height = BANDS_HEIGHT + CLASS_GAP * max(map(len, sides))
    figure = new_figure(9, height + 1.2, title)
    axes = figure.add_subplot()
    _draw(axes, flows, sides, labels, height)
    what = "clips" if correct else f"confused clips of {counts.sum():,}"
    pairs = int(np.count_nonzero(left_out))
    omitted = f": {plural(pairs, 'pair')} with {plural(int(left_out.sum()), 'clip')}" if pairs else " (none)"
    text = f"{flows.sum():,} {what}, by the colour of the predicted class"
    caption(figure, f"{text}; left out are pairs under {threshold:g} of all clips{omitted}")
    return png(figure)


def _draw(
    axes: Axes, flows: NDArray[np.int64], sides: Sequence[NDArray[np.intp]], labels: Sequence[str], height: float
) -> None:
    inches = BANDS_HEIGHT / flows.sum()
    left = _upper_ends(flows.sum(axis=1), sides[0], inches, height)
    right = _upper_ends(flows.sum(axis=0), sides[1], inches, height)
    for tops, clips, x, align in ((left, flows.sum(axis=1), 0.0, "right"), (right, flows.sum(axis=0), 1.0, "left")):
        for class_, top in tops.items():
            size = clips[class_] * inches
            axes.bar(x, size, bottom=top - size, width=0.02, color=colour(class_))
            offset = -0.02 if align == "right" else 0.02
            text = f"{label(labels[class_])} ({clips[class_]:,})"
            axes.text(x + offset, top - size / 2, text, ha=align, va="center", fontsize=9, parse_math=False)
    ends = dict(right)
    for predicted, top in left.items():
        for true in sides[1]:
            if size := flows[predicted, true] * inches:
                _band(axes, top, ends[true], size, colour(predicted))
                top, ends[true] = top - size, ends[true] - size
    axes.text(0, height + 0.15, "Predicted", ha="center", fontsize=10)
    axes.text(1, height + 0.15, "True", ha="center", fontsize=10)
    axes.set_xlim(-0.45, 1.45)
    axes.set_ylim(-0.1, height + 0.4)
    axes.set_axis_off()


def _upper_ends(clips: NDArray[np.int64], classes: NDArray[np.intp], inches: float, height: float) -> dict[int, float]:
    """Returns the upper end of every class on one side, centred vertically."""
    gap = (height - BANDS_HEIGHT) / len(classes)
    upper_ends, top = {}, height - gap / 2
    for class_ in classes.tolist():
        upper_ends[class_] = top
        top -= clips[class_] * inches + gap
    return upper_ends


def _band(axes: Axes, left: float, right: float, size: float, face: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    start, end = 0.01, 0.99
    points = [
        *((start, left), (0.5, left), (0.5, right), (end, right)),
        *((end, right - size), (0.5, right - size), (0.5, left - size), (start, left - size), (start, left)),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(points, codes), facecolor=face, alpha=0.55, linewidth=0))

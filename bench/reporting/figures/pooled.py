"""Draws the inputs of a network's last linear layer for clips of every class, and that layer's weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import caption, label, new_figure, png

MAX_UNITS = 96
CLASS_HEIGHT = 0.2
"""Height of a class, in inches."""


def pooled_outputs(
    outputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    weights: NDArray[np.float32],
    labels: Sequence[str],
    title: str,
    *,
    units: int = MAX_UNITS,
) -> bytes:
    """Draws pooled outputs sorted by class above the weights of the last linear layer, with the same units aligned.

    Args:
        outputs: Inputs of the last linear layer, [clips, units].
        targets: Class of every clip, [clips].
        weights: Weights of the last linear layer, [outputs, units].
        labels: Names of the classes.
        title: Title of the figure.
        units: Largest number of units; those whose class means differ most are drawn.
    """
    order = np.argsort(targets, kind="stable")
    outputs, targets = outputs[order], targets[order]
    present = np.unique(targets)
    means = np.stack([outputs[targets == class_].mean(axis=0) for class_ in present])
    chosen = np.sort(np.argsort(-means.std(axis=0), kind="stable")[:units])
    heights = [max(2.2, CLASS_HEIGHT * len(present)), max(0.9, CLASS_HEIGHT * len(weights))]
    figure = new_figure(11, sum(heights) + 1.6, title)
    above, below = figure.subplots(2, 1, gridspec_kw={"height_ratios": heights})
    displayed = outputs[:, chosen]
    # A few very large units would make all others look dark.
    low, high = np.quantile(displayed, (0.01, 0.99))
    image = above.imshow(displayed, aspect="auto", cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    edges = np.searchsorted(targets, present, side="left")
    ends = np.append(edges[1:], len(targets))
    for edge in edges[1:]:
        above.axhline(edge - 0.5, color="white", linewidth=0.8)
    names = [label(labels[class_]) for class_ in present]
    above.set_yticks((edges + ends - 1) / 2, names, fontsize=8, parse_math=False)
    above.set_title("Outputs by clip", fontsize=10)
    above.set_xticks([])
    figure.colorbar(image, ax=above, fraction=0.03, pad=0.01)
    limit = float(np.abs(weights[:, chosen]).max()) or 1.0
    image = below.imshow(
        weights[:, chosen], aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, interpolation="nearest"
    )
    output_names = (
        [label(name) for name in labels]
        if len(labels) == len(weights)
        else [f"output {n}" for n in range(len(weights))]
    )
    below.set_yticks(range(len(weights)), output_names, fontsize=8, parse_math=False)
    below.set_title("Weights of the last linear layer", fontsize=10)
    label_units = len(chosen) <= 40
    below.set_xticks(
        range(len(chosen)) if label_units else [], [str(unit) for unit in chosen] if label_units else [], fontsize=7
    )
    figure.colorbar(image, ax=below, fraction=0.03, pad=0.01)
    columns = (
        f"all {len(chosen)} units"
        if len(chosen) == outputs.shape[1]
        else (f"the {len(chosen)} of {outputs.shape[1]:,} units whose class means differ most")
    )
    caption(figure, f"Columns: {columns}; rows above: {len(outputs):,} validation clips")
    return png(figure)

"""What a network has made of clips of every class just before its last linear layer, and that layer's weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import caption, label, new_figure, png

MOST_UNITS = 96
CLASS_HEIGHT = 0.2
"""Inches of a class."""


def pooled_outputs(
    outputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    weights: NDArray[np.float32],
    labels: Sequence[str],
    title: str,
    *,
    units: int = MOST_UNITS,
) -> bytes:
    """Outputs [clips, units] sorted by their classes above the weights [outputs, units], the same units one above the
    other: at most so many, those whose class means differ most."""
    order = np.argsort(targets, kind="stable")
    outputs, targets = outputs[order], targets[order]
    present = np.unique(targets)
    means = np.stack([outputs[targets == class_].mean(axis=0) for class_ in present])
    chosen = np.sort(np.argsort(-means.std(axis=0), kind="stable")[:units])
    heights = [max(2.2, CLASS_HEIGHT * len(present)), max(0.9, CLASS_HEIGHT * len(weights))]
    figure = new_figure(11, sum(heights) + 1.6, title)
    above, below = figure.subplots(2, 1, gridspec_kw={"height_ratios": heights})
    shown = outputs[:, chosen]
    # A few very large units would leave the others in the dark.
    low, high = np.quantile(shown, (0.01, 0.99))
    image = above.imshow(shown, aspect="auto", cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
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
    outs = (
        [label(name) for name in labels]
        if len(labels) == len(weights)
        else [f"output {n}" for n in range(len(weights))]
    )
    below.set_yticks(range(len(weights)), outs, fontsize=8, parse_math=False)
    below.set_title("Weights of the last linear layer", fontsize=10)
    few = len(chosen) <= 40
    below.set_xticks(range(len(chosen)) if few else [], [str(unit) for unit in chosen] if few else [], fontsize=7)
    figure.colorbar(image, ax=below, fraction=0.03, pad=0.01)
    all_of_them = (
        f"all {len(chosen)} units"
        if len(chosen) == outputs.shape[1]
        else (f"the {len(chosen)} of {outputs.shape[1]:,} units whose class means differ most")
    )
    caption(figure, f"Columns: {all_of_them}; rows above: {len(outputs):,} validation clips")
    return png(figure)

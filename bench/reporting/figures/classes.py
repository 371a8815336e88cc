"""Draws the number of clips of every class by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.plugins import Split
from bench.plugins.contracts import SPLITS
from bench.reporting.figures.canvas import SPLIT_COLOURS, label, new_figure, png

BAR_HEIGHT = 0.24
"""Height of a class, in inches."""


def class_histogram(supports: Mapping[Split, Sequence[int]], labels: Sequence[str], title: str) -> bytes:
    """Draws the clips of every class in a panel for each split that has any, each panel with its own scale."""
    splits = [split for split in SPLITS if sum(supports.get(split, ()))]
    figure = new_figure(2.5 + 3.2 * len(splits), max(1.6, BAR_HEIGHT * len(labels)) + 1.2, title)
    rows = range(len(labels))
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, split in zip(panels, splits, strict=True):
        counts = supports[split]
        bars = axes.barh(rows, counts, color=SPLIT_COLOURS[split], height=0.75)
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8)
        axes.set_title(f"{split}: {sum(counts):,} clips", fontsize=10)
        axes.set_xlim(0, 1.22 * max(counts))
        axes.set_xlabel("Clips")
        axes.tick_params(axis="x", labelsize=8)
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(rows, [label(name) for name in labels], fontsize=9, parse_math=False)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return png(figure)

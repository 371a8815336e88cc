"""Draws what is in a data set: its clips by class, their lengths and levels, and the twins within and across its splits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset_check import DatasetCheck
from bench.plugins import Split
from bench.plugins.contracts import SPLITS
from bench.reporting.figures.canvas import SPLIT_COLOURS, caption, label, new_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT_OF_A_CLASS = 0.2
"""Height of a class, in inches."""
BINS = 40
LOWEST_LEVEL = -90.0
"""Decibels of full scale at which silence is drawn."""


def dataset_check_figure(check: DatasetCheck) -> bytes:
    """Draws four panels: clips by class and split, lengths, levels, and clips with a twin."""
    figure = new_figure(10, max(6.0, HEIGHT_OF_A_CLASS * len(check.labels) + 3.5), f"{check.dataset}: what is in it")
    grid = figure.subplots(2, 2, width_ratios=(1.1, 1))
    _classes(grid[0, 0], check)
    with_sound = [(decoded, decoded.statistics) for decoded in check.clips if decoded.statistics is not None]
    splits = [decoded.clip.split for decoded, _ in with_sound]
    seconds = np.array([decoded.seconds for decoded, _ in with_sound])
    levels = np.array([max(statistics.level, LOWEST_LEVEL) for _, statistics in with_sound])
    _histogram(grid[0, 1], splits, seconds, "Length", "Seconds")
    _histogram(grid[1, 0], splits, levels, "Level (RMS)", "Decibels of full scale")
    _twins(grid[1, 1], check)
    clipped = sum(statistics.clipped for _, statistics in with_sound)
    silent = sum(decoded.suspicion == "silent" for decoded in check.clips)
    unusable = len(check.clips) - len(check.usable)
    caption(figure, f"{len(check.usable):,} clips; {clipped:,} clipped, {silent:,} silent, {unusable:,} left out")
    return png(figure)


def _classes(axes: Axes, check: DatasetCheck) -> None:
    rows = np.arange(len(check.labels))
    start = np.zeros(len(check.labels))
    for split in SPLITS:
        counts = np.array(
            [sum(clip.split == split and clip.label == name for clip in check.usable) for name in check.labels]
        )
        if counts.any():
            axes.barh(rows, counts, left=start, color=SPLIT_COLOURS[split], height=0.75)
        start += counts
    axes.set_yticks(rows, [label(name) for name in check.labels], fontsize=8, parse_math=False)
    axes.set_ylim(len(check.labels) - 0.4, -0.6)
    axes.set_title("Clips by class", fontsize=10)
    axes.set_xlabel("Clips")
    axes.spines[["top", "right"]].set_visible(False)


def _histogram(axes: Axes, split_of_clips: Sequence[Split], values: NDArray[np.float64], title: str, unit: str) -> None:
    of_clip = np.array(split_of_clips)
    present = [split for split in SPLITS if split in split_of_clips]
    if present:
        colours = [SPLIT_COLOURS[split] for split in present]
        axes.hist([values[of_clip == split] for split in present], BINS, stacked=True, color=colours, label=present)
        axes.legend(fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(unit)
    axes.set_ylabel("Clips")
    axes.spines[["top", "right"]].set_visible(False)


def _twins(axes: Axes, check: DatasetCheck) -> None:
    """How many clips have a twin in their own split, and how many clips of one have a twin in another."""
    in_split = {split: {clip.id for clip in check.usable if clip.split == split} for split in SPLITS}
    pairs = [pair for pair in combinations_with_replacement(SPLITS, 2) if in_split[pair[0]] and in_split[pair[1]]]
    counts = []
    for first, second in pairs:
        families = [set(family) for family in check.twins.families()]
        if first == second:
            counts.append(sum(len(own) for family in families if len(own := family & in_split[first]) > 1))
        else:
            counts.append(sum(len(family & in_split[second]) for family in families if family & in_split[first]))
    names = [f"within {first}" if first == second else f"{second} with {first}" for first, second in pairs]
    colours = [SPLIT_COLOURS[second] for _, second in pairs]
    bars = axes.barh(range(len(pairs)), counts, color=colours, height=0.7)
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8)
    axes.set_yticks(range(len(pairs)), names, fontsize=8)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * max([*counts, 1]))
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.set_title("Clips with a twin", fontsize=10)
    axes.set_xlabel("Clips")
    axes.spines[["top", "right"]].set_visible(False)

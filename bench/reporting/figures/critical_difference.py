"""Draws mean ranks on a line, with a bar under those that do not differ (Demšar, 2006)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.evaluation.mean_ranks import MeanRanks
from bench.reporting.figures.canvas import caption, colour, label, new_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def critical_difference(ranks: MeanRanks, title: str, *, score: str) -> bytes:
    """Draws the figure.

    Args:
        ranks: The methods, the best first.
        title: Title of the figure.
        score: What methods are ranked by, in words.
    """
    number = len(ranks.methods)
    figure = new_figure(11, 1.7 + 0.18 * number, title)
    axes = figure.subplots()
    margin = 0.35 * (number - 1)  # for names
    axes.set_xlim(number + margin, 1 - margin)  # the best on the right, as usual
    axes.spines["top"].set_bounds(1, number)
    axes.set_xticks(range(1, number + 1))
    axes.xaxis.set_ticks_position("top")
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.set_yticks([])
    bars = list(_ties(ranks))
    axes.set_ylim(-(len(bars) * 0.4 + number * 0.3 + 0.8), 0)
    for level, (best, worst) in enumerate(bars, start=1):
        axes.plot([best - 0.04, worst + 0.04], [-0.4 * level] * 2, color="0.2", linewidth=4, solid_capstyle="round")
    _names(axes, ranks, below=0.4 * len(bars) + 0.5)
    p_value = "" if ranks.p_value is None else f"; Friedman's p {ranks.p_value:.2g}"
    caption(
        figure,
        f"mean rank by {score} over {ranks.datasets} data sets; a bar joins methods that do not differ: critical difference "
        f"{ranks.critical_difference:.2f} (Nemenyi){p_value}",
    )
    return png(figure)


def _names(axes: Axes, ranks: MeanRanks, *, below: float) -> None:
    """Writes names outwards from both ends, the outermost highest, so that no line crosses a name."""
    number = len(ranks.methods)
    for index, (method, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        on_the_right = index < (number + 1) // 2
        height = -(below + 0.6 * (index if on_the_right else number - 1 - index))
        axes.plot([rank, rank], [0, height], color=colour(index), linewidth=1.2)
        text = axes.annotate(
            f"{rank:.2f}  {label(method)}" if on_the_right else f"{label(method)}  {rank:.2f}",
            (rank, height),
            textcoords="offset points",
            xytext=(4, -3) if on_the_right else (-4, -3),
            horizontalalignment="left" if on_the_right else "right",
            fontsize=9,
        )
        text.set_parse_math(False)


def _ties(ranks: MeanRanks) -> Iterator[tuple[float, float]]:
    """The longest stretches of ranks within the critical difference, of which none lies in another."""
    last = 0
    for first, best in enumerate(ranks.ranks):
        within = [index for index, rank in enumerate(ranks.ranks) if rank - best <= ranks.critical_difference]
        if within[-1] > max(first, last):
            last = within[-1]
            yield best, ranks.ranks[last]

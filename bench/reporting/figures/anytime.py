"""Draws how the best score of searches rose, by trials and by hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reporting.figures.canvas import caption, colour, label, new_figure, png


@dataclass(frozen=True)
class SearchCurve:
    """The best score so far of one search, and what was left of it."""

    name: str
    trials: tuple[int, ...]
    """Number of trials after which the score was reached, ascending; the last is the number in all."""
    hours: tuple[float, ...]
    """Likewise in hours."""
    scores: tuple[float, ...]
    """The best score so far, ascending."""
    validation: float | None
    """What its configuration came to on validation when it was trained again."""
    test: float | None


def anytime_curves(curves: Sequence[SearchCurve], title: str, *, score: str) -> bytes:
    """Draws the best score so far of every search, beside what its configuration came to.

    Args:
        curves: The searches.
        title: Title of the figure.
        score: Name of the score that they maximise.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(8, 2.8, title)
    by_trial, by_hour = figure.subplots(1, 2, sharey=True)
    for index, curve in enumerate(curves):
        for axes, steps in ((by_trial, curve.trials), (by_hour, curve.hours)):
            line = {"color": colour(index), "linewidth": 1.2}
            axes.plot(steps, curve.scores, drawstyle="steps-post", label=label(curve.name), **line)
            for value, marker in ((curve.validation, "o"), (curve.test, "s")):
                if value is not None:
                    axes.plot(steps[-1], value, marker=marker, markerfacecolor="none", markersize=6, **line)
    by_trial.set_xlabel("Trials")
    by_trial.set_ylabel(f"Best validation\n{score} so far", fontsize=9)
    by_trial.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    by_hour.set_xlabel("Hours in which trials ran")
    by_hour.xaxis.set_major_locator(MaxNLocator(5))
    by_trial.margins(y=0.12)
    for axes in (by_trial, by_hour):
        axes.grid(alpha=0.25)
    for text in by_trial.legend(fontsize=8, loc="best").get_texts():
        text.set_parse_math(False)
    if any(curve.test is not None for curve in curves):
        caption(figure, f"the best configuration trained again: circle on validation, square on test ({score})")
    return png(figure)

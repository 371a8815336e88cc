"""Draws the comparison of one model's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.evaluation.metrics import METRICS, Objective, metric_title
from bench.reporting.figures.canvas import caption, colour, label, new_figure, png
from bench.reporting.figures.curves import QUANTITIES
from bench.reporting.numbers import Spread
from bench.trial import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HATCHES = ("", "///")


@dataclass(frozen=True)
class FeatureResult:
    """The curves of the best run with one feature, and the scores of its runs."""

    feature: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    validation: Spread
    """Validation score over the runs of the best configuration."""
    test: Spread | None
    """Test score over the same runs; None if none was tested."""
    metric: Objective = "accuracy"
    """The score, which ranks."""


def feature_comparison(results: Sequence[FeatureResult], title: str) -> bytes:
    """Draws loss and validation score by epoch of each feature's best run, and bars of the final scores."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(15, 4.4, title)
    loss, score, bars = figure.subplots(1, 3)
    for index, result in enumerate(results):
        numbers = [epoch.number for epoch in result.epochs]
        line = {"color": colour(index), "marker": "o", "markersize": 3}
        loss.plot(numbers, [epoch.validation_loss for epoch in result.epochs], label=label(result.feature), **line)
        loss.plot(numbers, [epoch.train_loss for epoch in result.epochs], color=colour(index), linestyle=":")
        values = [epoch.validation_score(result.metric) for epoch in result.epochs]
        score.plot(numbers, values, label=label(result.feature), **line)
        for epoch in result.epochs:
            if epoch.number == result.best_epoch:
                value = epoch.validation_score(result.metric)
                score.plot(epoch.number, value, color=colour(index), marker="*", markersize=13)
    metric = metric_title(results[0].metric)
    for axes, title_of_axis in ((loss, QUANTITIES["loss"]), (score, f"Validation {metric}")):
        axes.set_xlabel("Epoch")
        axes.set_ylabel(title_of_axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.25)
        for text in axes.legend(fontsize=9).get_texts():
            text.set_parse_math(False)
    _bars(bars, results)
    caption(
        figure, "solid: validation, dotted: training; a star is the chosen epoch; bars: mean over seeds, with deviation"
    )
    return png(figure)


def _bars(axes: Axes, results: Sequence[FeatureResult]) -> None:
    names = ("validation", "test") if any(result.test for result in results) else ("validation",)
    width = 0.8 / len(names)
    for index, result in enumerate(results):
        for number, (name, pattern) in enumerate(zip(names, HATCHES, strict=False)):
            spread: Spread | None = getattr(result, name)
            if spread is None:
                continue
            x = index + (number - (len(names) - 1) / 2) * width
            bar = axes.bar(
                x,
                spread.mean,
                width=0.95 * width,
                yerr=spread.deviation,
                capsize=3,
                color=colour(index),
                alpha=0.85 if number == 0 else 0.5,
                hatch=pattern,
                edgecolor="white",
            )
            axes.bar_label(bar, [f"{name}\n{spread.mean:.3f}"], fontsize=8, padding=2)
    axes.set_xticks(range(len(results)), [label(result.feature) for result in results], fontsize=9, parse_math=False)
    axes.set_ylabel(f"{METRICS[results[0].metric].title} of the chosen epoch")
    axes.set_ylim(0, 1.15)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.spines[["top", "right"]].set_visible(False)

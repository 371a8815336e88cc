"""Feature against feature for one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reporting.figures.canvas import caption, colour, label, new_figure, png
from bench.reporting.figures.curves import QUANTITIES
from bench.reporting.numbers import Spread
from bench.trial import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERNS = ("", "///")


@dataclass(frozen=True)
class FeatureResult:
    """One feature with the model: the curves of its best run, and what its runs came to."""

    feature: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    validation: Spread
    """Accuracy, over the runs of the best configuration."""
    test: Spread | None
    """None where it was not tested."""


def feature_comparison(compared: Sequence[FeatureResult], title: str) -> bytes:
    """Loss and validation accuracy by epoch of each feature's best run, and the accuracies in the end."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(15, 4.4, title)
    loss, accuracy, bars = figure.subplots(1, 3)
    for place, found in enumerate(compared):
        numbers = [epoch.number for epoch in found.epochs]
        line = {"color": colour(place), "marker": "o", "markersize": 3}
        loss.plot(numbers, [epoch.validation_loss for epoch in found.epochs], label=label(found.feature), **line)
        loss.plot(numbers, [epoch.train_loss for epoch in found.epochs], color=colour(place), linestyle=":")
        values = [epoch.validation_accuracy for epoch in found.epochs]
        accuracy.plot(numbers, values, label=label(found.feature), **line)
        for epoch in found.epochs:
            if epoch.number == found.best_epoch:
                accuracy.plot(epoch.number, epoch.validation_accuracy, color=colour(place), marker="*", markersize=13)
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        axes.set_xlabel("Epoch")
        axes.set_ylabel(QUANTITIES[quantity] if quantity == "loss" else "Validation accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.25)
        for text in axes.legend(fontsize=9).get_texts():
            text.set_parse_math(False)
    _bars(bars, compared)
    caption(
        figure, "solid: validation, dotted: training; a star is the chosen epoch; bars: mean over seeds, with deviation"
    )
    return png(figure)


def _bars(axes: Axes, compared: Sequence[FeatureResult]) -> None:
    names = ("validation", "test") if any(found.test for found in compared) else ("validation",)
    width = 0.8 / len(names)
    for place, found in enumerate(compared):
        for number, (name, pattern) in enumerate(zip(names, PATTERNS, strict=False)):
            spread: Spread | None = getattr(found, name)
            if spread is None:
                continue
            x = place + (number - (len(names) - 1) / 2) * width
            bar = axes.bar(
                x,
                spread.mean,
                width=0.95 * width,
                yerr=spread.deviation,
                capsize=3,
                color=colour(place),
                alpha=0.85 if number == 0 else 0.5,
                hatch=pattern,
                edgecolor="white",
            )
            axes.bar_label(bar, [f"{name}\n{spread.mean:.3f}"], fontsize=8, padding=2)
    axes.set_xticks(range(len(compared)), [label(found.feature) for found in compared], fontsize=9, parse_math=False)
    axes.set_ylabel("Accuracy of the chosen epoch")
    axes.set_ylim(0, 1.15)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.spines[["top", "right"]].set_visible(False)

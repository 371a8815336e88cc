"""Draws loss and accuracy by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluation.metrics import Objective, metric_title
from bench.reporting.figures.canvas import TRAIN, VALIDATION, new_figure, png
from bench.trial import Epoch

QUANTITIES = {"loss": "Loss (cross entropy, nats)", "accuracy": "Accuracy"}


def training_curves(
    epochs: Sequence[Epoch], best_epoch: int | None, title: str, *, metric: Objective = "accuracy"
) -> bytes:
    """Draws loss and accuracy of the training and validation clips by epoch, and marks the best epoch.

    Args:
        epochs: All epochs.
        best_epoch: Number of the epoch that was chosen.
        title: Title of the figure.
        metric: The validation score that chose it, drawn beside the accuracy if it is another.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(10, 4, title)
    numbers = [epoch.number for epoch in epochs]
    for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
        for split, colour in (("train", TRAIN), ("validation", VALIDATION)):
            values = [getattr(epoch, f"{split}_{quantity}") for epoch in epochs]
            axes.plot(numbers, values, color=colour, marker="o", markersize=3.5, label=split)
        if quantity == "accuracy" != metric:
            values = [epoch.validation_score(metric) for epoch in epochs]
            axes.plot(numbers, values, color=VALIDATION, linestyle=":", label=f"validation, {metric_title(metric)}")
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.4", linestyle="--", linewidth=1, label=f"best epoch ({best_epoch})")
        axes.set_xlabel("Epoch")
        axes.set_ylabel(QUANTITIES[quantity])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(epochs) == 1:
            axes.set_xlim(0.5, 1.5)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=9)
    return png(figure)

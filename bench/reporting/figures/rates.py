"""Draws the curve of a learning-rate range test."""

from __future__ import annotations

import numpy as np

from bench.reporting.figures.canvas import TRAIN, VALIDATION, new_figure, png
from bench.trial import RangeTest


def range_test(test: RangeTest, title: str) -> bytes:
    """Draws the smoothed loss by learning rate and marks the suggestion."""
    figure = new_figure(7, 4.2, title)
    axes = figure.add_subplot()
    rates, losses = np.array(test.rates), np.array(test.losses)
    axes.plot(rates, losses, color=TRAIN, linewidth=1.5)
    axes.axvline(
        test.suggestion, color=VALIDATION, linestyle="--", linewidth=1.2, label=f"suggestion: {test.suggestion:.3g}"
    )
    axes.set_xscale("log")
    axes.set_xlabel("Learning rate")
    axes.set_ylabel("Training loss, smoothed (nats)")
    finite_losses = losses[np.isfinite(losses)]
    if len(finite_losses) and finite_losses.max() > finite_losses.min():
        # The diverging end would compress the relevant part into a line.
        low, high = (
            float(finite_losses.min()),
            min(float(finite_losses.max()), 2 * float(np.median(finite_losses)) - float(finite_losses.min())),
        )
        high = max(high, float(finite_losses[0]), low + 1e-6)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.3 * (high - low))
    axes.grid(alpha=0.25, which="both")
    axes.legend(fontsize=9)
    return png(figure)

"""The curve of a learning-rate range test."""

from __future__ import annotations

import numpy as np

from bench.reporting.figures.canvas import TRAIN, VALIDATION, new_figure, png
from bench.trial import RangeTest


def range_test(test: RangeTest, title: str) -> bytes:
    """Smoothed loss by learning rate, the suggestion marked."""
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
    finite = losses[np.isfinite(losses)]
    if len(finite) and finite.max() > finite.min():
        # What blows up at the end would press the part that decides into a line.
        low, high = float(finite.min()), min(float(finite.max()), 2 * float(np.median(finite)) - float(finite.min()))
        high = max(high, float(finite[0]), low + 1e-6)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.3 * (high - low))
    axes.grid(alpha=0.25, which="both")
    axes.legend(fontsize=9)
    return png(figure)

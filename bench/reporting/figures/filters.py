"""Draws the filters of a network's first convolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import TRAIN, caption, new_figure, png
from bench.reporting.figures.image_grid import image_grid, side_by_side

MAX_FILTERS = 32
ENLARGEMENT = 16
RESPONSE_POINTS = 512
RESPONSE_RANGE = 40.0
"""Range of a frequency response, in dB below each filter's maximum."""


def first_filters(
    weights: NDArray[np.float32], title: str, *, sample_rate: int | None = None, filters: int = MAX_FILTERS
) -> bytes:
    """Draws the first filters of a convolution.

    Filters over a waveform (one input) are drawn as lines beside their frequency responses, all others as images with one
    image per input channel.

    Args:
        weights: Weights [filters, inputs, taps] or [filters, inputs, height, width].
        title: Title of the figure.
        sample_rate: Sample rate of the waveform that the filters read, in Hz.
        filters: Largest number of filters.
    """
    chosen = weights[:filters]
    left_out = f"; the first {len(chosen)} of {len(weights)}" if len(weights) > len(chosen) else ""
    if weights.ndim == 3 and weights.shape[1] == 1:
        return _lines(chosen[:, 0], title, sample_rate, left_out)
    if weights.ndim == 3:
        return _images(
            list(chosen), title, f"Rows: {weights.shape[1]} inputs, columns: {weights.shape[2]} taps{left_out}"
        )
    inputs, height, width = weights.shape[1:]
    each = f", each as {inputs} images for its inputs" if inputs > 1 else ""
    return _images(
        [_input_images(images) for images in chosen], title, f"Filters of {height} x {width}{each}{left_out}"
    )


def _input_images(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns a filter's images [inputs, height, width] side by side, enlarged so that the gap between them is thin."""
    return side_by_side([np.kron(image, np.ones((ENLARGEMENT, ENLARGEMENT))) for image in images], gap=ENLARGEMENT // 8)


def frequency_response(taps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the magnitudes of filters [filters, taps] from 0 to half the sample rate, in dB of each filter's maximum."""
    magnitude = np.abs(np.fft.rfft(taps.astype(np.float64), n=2 * RESPONSE_POINTS, axis=1))
    greatest = np.maximum(magnitude.max(axis=1, keepdims=True), 1e-12)
    levels: NDArray[np.float64] = 20 * np.log10(np.maximum(magnitude / greatest, 10 ** (-RESPONSE_RANGE / 20)))
    return levels


def _lines(taps: NDArray[np.float32], title: str, sample_rate: int | None, left_out: str) -> bytes:
    figure = new_figure(11, 1.4 + max(2.2, 0.34 * len(taps)), title)
    left, right = figure.subplots(1, 2)
    scale = 0.45 / (float(np.abs(taps).max()) or 1.0)
    for index, filter_ in enumerate(taps):
        left.axhline(index, color="0.85", linewidth=0.6)
        left.plot(index - scale * filter_, color=TRAIN, marker="o" if taps.shape[1] <= 40 else "", markersize=3)
    for axes in (left, right):
        axes.set_yticks(range(len(taps)), [str(index) for index in range(len(taps))], fontsize=8)
        axes.set_ylim(len(taps) - 0.4, -0.6)
    left.set_ylabel("Filter")
    left.set_xlabel("Tap")
    left.locator_params(axis="x", integer=True)
    highest = 1.0 if sample_rate is None else sample_rate / 2
    image = right.imshow(
        frequency_response(taps),
        aspect="auto",
        cmap="magma",
        extent=(0, highest, len(taps) - 0.5, -0.5),
        interpolation="nearest",
    )
    right.set_xlabel("Frequency (of half the sample rate)" if sample_rate is None else "Frequency (Hz)")
    figure.colorbar(image, ax=right, fraction=0.05, pad=0.02).set_label("Response (dB of the filter's maximum)")
    caption(figure, f"Taps on one scale, and the frequency response of each{left_out}")
    return png(figure)


def _images(images: list[NDArray[np.floating]], title: str, text: str) -> bytes:
    height, width = images[0].shape
    columns = min(8, len(images))
    rows = -(-len(images) // columns)
    pixels = image_grid(images, columns, gap=max(1, round(0.12 * min(height, width))))
    limit = float(np.nanmax(np.abs(pixels))) or 1.0
    aspect = float(np.clip(height / width, 0.6, 2.2))
    figure = new_figure(max(1.15 * columns, 4.0) + 1.2, max(1.15 * aspect * rows, 1.5) + 1.2, title)
    axes = figure.add_subplot()
    image = axes.imshow(pixels, aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_axis_off()
    figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02).set_label("Weight")
    caption(figure, text)
    return png(figure)

"""Draws clips side by side with their waveform, discrete Fourier transform and feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import TEST, TRAIN, label, new_figure, png, shortened
from bench.reporting.figures.lines import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import AsinhNorm

DYNAMIC_RANGE = 90.0
"""Range of a discrete Fourier transform, in dB below its maximum."""


@dataclass(frozen=True)
class ExampleClip:
    """One clip with its feature."""

    id: str
    label: str
    waveform: NDArray[np.float32]
    """Samples without padding, -1 to 1, [samples]."""
    sample_rate: int
    feature: NDArray[np.float32]
    """Feature [samples], [bands, frames] or [channels, bands, frames]."""
    ticks: Mapping[float, str] = field(default_factory=dict)
    """Frequencies in Hz by their position among the bands; none if bands are no frequencies."""


def example_clips(examples: Sequence[ExampleClip], feature: str, title: str) -> bytes:
    """Draws a column for each clip, with rows for the waveform, the spectrum in dB, and each channel of the `feature`."""
    channels = examples[0].feature.shape[0] if examples[0].feature.ndim == 3 else 1
    rows = 2 + channels
    figure = new_figure(0.9 + max(2.4 * len(examples), 4.0), 0.9 + 1.75 * rows, title)
    panels = figure.subplots(rows, len(examples), squeeze=False)
    for column, example in enumerate(examples):
        _waveform(panels[0, column], example)
        _spectrum(panels[1, column], example)
        for channel in range(channels):
            _feature(panels[2 + channel, column], example, channel)
    panels[0, 0].set_ylabel("Amplitude")
    panels[1, 0].set_ylabel("Fourier transform\n(dB of its maximum)")
    for channel in range(channels):
        of = f" {channel + 1} of {channels}" if channels > 1 else ""
        panels[2 + channel, 0].set_ylabel(
            f"{shortened(feature, 20)}{of}\n({_axis_description(examples[0])})", parse_math=False
        )
    for axes in panels.flat:
        axes.tick_params(labelsize=7)
        axes.yaxis.label.set_fontsize(9)
    return png(figure)


def _waveform(axes: Axes, example: ExampleClip) -> None:
    axes.plot(*thinned(_seconds(example), example.waveform), color=TRAIN, linewidth=0.6)
    axes.set_xlim(0, len(example.waveform) / example.sample_rate)
    axes.set_title(f"{label(example.label)}\n{_end_of_id(example.id)}", fontsize=8, parse_math=False)
    axes.set_xlabel("s", fontsize=7, labelpad=1)


def _spectrum(axes: Axes, example: ExampleClip) -> None:
    levels = spectrum(example.waveform)
    frequencies = np.linspace(0, example.sample_rate / 2000, len(levels))
    axes.plot(*thinned(frequencies, levels), color=TEST, linewidth=0.6)
    axes.set_xlim(0, example.sample_rate / 2000)
    axes.set_ylim(-DYNAMIC_RANGE, 3)
    axes.set_xlabel("kHz", fontsize=7, labelpad=1)


def spectrum(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the magnitudes of the discrete Fourier transform from 0 to half the sample rate, in dB of their maximum.

    Silence has the lowest value of the range throughout.
    """
    magnitude = np.abs(np.fft.rfft(waveform.astype(np.float64)))
    loudest = magnitude.max()
    if loudest == 0:
        return np.full(len(magnitude), -DYNAMIC_RANGE)
    levels: NDArray[np.float64] = 20 * np.log10(np.maximum(magnitude / loudest, 10 ** (-DYNAMIC_RANGE / 20)))
    return levels


def _feature(axes: Axes, example: ExampleClip, channel: int) -> None:
    values = example.feature[channel] if example.feature.ndim == 3 else example.feature
    end = len(example.waveform) / example.sample_rate
    if values.ndim == 1:
        axes.plot(*thinned(np.linspace(0, end, len(values)), values), color="0.3", linewidth=0.6)
        axes.set_xlim(0, end)
    else:
        extent = (0, end, 0, len(values))
        if example.feature.ndim == 3:
            axes.imshow(values, origin="lower", aspect="auto", cmap="PuOr", extent=extent, norm=_signed(values))
        else:
            low, high = _limits(values)
            axes.imshow(values, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=low, vmax=high)
        if example.ticks:
            axes.set_yticks(list(example.ticks), list(example.ticks.values()))
    axes.set_xlabel("s", fontsize=7, labelpad=1)


def _limits(values: NDArray[np.floating]) -> tuple[float, float]:
    """Returns the scale of an image without its one or two most extreme rows.

    Such a row, like the loudness in cepstra, would leave all others in one colour.
    """
    ignored = min(2, len(values) // 8)
    return float(np.sort(values.min(axis=1))[ignored]), float(np.sort(values.max(axis=1))[-1 - ignored])


def _signed(values: NDArray[np.floating]) -> AsinhNorm:
    """Returns a scale for real and imaginary parts that is centred on zero and amplifies weak values as decibels do."""
    from matplotlib.colors import AsinhNorm

    limit = float(np.abs(values).max()) or 1.0
    return AsinhNorm(linear_width=limit / 300, vmin=-limit, vmax=limit)


def _axis_description(example: ExampleClip) -> str:
    feature = example.feature
    if feature.ndim == 1:
        return "samples"
    scale = ", asinh scale" if feature.ndim == 3 else ""
    return f"Hz, {feature.shape[-2]} bands{scale}" if example.ticks else f"{feature.shape[-2]} rows{scale}"


def _seconds(example: ExampleClip) -> NDArray[np.float64]:
    return np.arange(len(example.waveform)) / example.sample_rate


def _end_of_id(text: str) -> str:
    """Returns the end of a clip's id, which is where ids differ."""
    return text if len(shortened(text, 10_000)) <= 26 else f"…{shortened(text, 10_000)[-25:]}"

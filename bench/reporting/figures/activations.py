"""Draws the outputs of a network's layers for one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.reporting.figures.canvas import TRAIN, caption, label, new_figure, png, shortened
from bench.reporting.figures.image_grid import side_by_side
from bench.reporting.figures.lines import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CHANNELS = 10
MAX_LABELLED_UNITS = 12
"""Up to this many units have their values written on them."""


@dataclass(frozen=True)
class LayerOutput:
    """The output of a layer for one clip."""

    name: str
    """Names of the layer and of what follows it: `Conv2d, ReLU`."""
    values: NDArray[np.float32]
    """Values [units], [channels, steps], or [channels, height, width], with more than one step."""
    shape: tuple[int, ...]
    """Shape of the layer's output, which `values` lose when they are thinned out or squeezed."""
    recurrent: bool = False
    """Whether channels are the units of a recurrent layer, which are all drawn as one image over its steps."""


def activations(
    layers: Sequence[LayerOutput], title: str, *, labels: Sequence[str] = (), channels: int = MAX_CHANNELS
) -> bytes:
    """Draws a row for each layer, from the input down, with its most varying channels side by side.

    Args:
        layers: Outputs of the layers.
        title: Title of the figure.
        labels: Names of the last layer's units, used if it has one for each.
        channels: Largest number of channels per layer.
    """
    heights = [0.62 if _is_low(layer) else 1.05 for layer in layers]
    figure = new_figure(13, 0.9 + sum(heights) * 1.12, title)
    panels = figure.subplots(len(layers), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, layer in zip(panels, layers, strict=True):
        _draw(axes, layer, channels)
        size = " x ".join(map(str, layer.shape))
        text = f"{shortened(layer.name, 30)}\n{size}"
        axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, parse_math=False)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.tick_params(labelsize=6, length=0, pad=1)
    last = layers[-1].values
    if last.ndim == 1 and len(last) == len(labels):
        names = [label(name) for name in labels]
        upright = sum(map(len, names)) <= 100
        panels[-1].set_xticks(range(len(last)), names, rotation=0 if upright else 90, fontsize=7, parse_math=False)
    caption(figure, "Numbers are those of the channels; every layer has a scale of its own")
    return png(figure)


def _is_low(layer: LayerOutput) -> bool:
    return layer.values.ndim == 1 or (layer.values.ndim == 2 and not layer.recurrent)


def _draw(axes: Axes, layer: LayerOutput, channels: int) -> None:
    values = layer.values
    if values.ndim == 1:
        bars = axes.bar(range(len(values)), values, color=TRAIN, width=0.92)
        if len(values) <= MAX_LABELLED_UNITS:
            axes.bar_label(bars, [f"{value:.2g}" for value in values], padding=1, fontsize=7)
            axes.margins(y=0.35)
        axes.axhline(0, color="0.6", linewidth=0.5)
        axes.margins(x=0)
        axes.set_xticks(range(len(values)) if len(values) <= 40 else [0, len(values) - 1])
        return
    if layer.recurrent:
        axes.imshow(values, aspect="auto", cmap="viridis", origin="lower", interpolation="nearest")
        axes.set_xticks([0, values.shape[1] - 1], ["first step", "last step"])
        return
    chosen = most_varying(values, channels)
    if values.ndim == 2:
        _lines(axes, values[chosen], chosen)
    else:
        _images(axes, values[chosen], chosen)


def most_varying(values: NDArray[np.float32], channels: int) -> NDArray[np.intp]:
    """Returns the indices of the channels that vary most, in ascending order, [channels]."""
    variance = values.reshape(len(values), -1).std(axis=1)
    return np.sort(np.argsort(-variance, kind="stable")[:channels])


def _images(axes: Axes, values: NDArray[np.float32], numbers: NDArray[np.intp]) -> None:
    width = values.shape[2]
    gap = max(1, round(width * 0.06))
    row = side_by_side(list(values), gap)
    axes.imshow(row, aspect="auto", cmap="viridis", origin="lower", interpolation="nearest")
    axes.set_xticks(np.arange(len(values)) * (width + gap) + (width - 1) / 2, [f"{number}" for number in numbers])


def _lines(axes: Axes, values: NDArray[np.float32], numbers: NDArray[np.intp]) -> None:
    time = np.linspace(0, 1, values.shape[1])
    for index, line in enumerate(values):
        axes.plot(*thinned(index * 1.08 + time, line), color=TRAIN, linewidth=0.6)
    axes.set_xlim(-0.02, len(values) * 1.08 - 0.06)
    axes.set_xticks(np.arange(len(values)) * 1.08 + 0.5, [f"{number}" for number in numbers])

"""The layers of the model `matchboxnet`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.residual import Residual
from bench_plugins.networks.shapes import as_sequence, image_shape

ENDS = 128
"""Channels of the layers before and after the blocks."""
STEM_KERNEL, FIRST_KERNEL, LAST_KERNEL = 11, 13, 29


def build(
    shape: tuple[int, ...], classes: int, *, blocks: int, repeats: int, channels: int, dropout: float
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    images, bands, _frames = image_shape(shape, model="matchboxnet")
    layers: list[nn.Module] = [as_sequence(shape), *_separable(images * bands, ENDS, STEM_KERNEL), nn.ReLU()]
    inputs = ENDS
    for block in range(blocks):
        residual = _block(inputs, channels, kernel=FIRST_KERNEL + 2 * block, repeats=repeats, dropout=dropout)
        layers += [residual, nn.Dropout(dropout)]
        inputs = channels
    layers += [*_separable(inputs, ENDS, LAST_KERNEL, dilation=2), nn.ReLU(), *_pointwise(ENDS, ENDS), nn.ReLU()]
    return he_(AnyLength(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(ENDS, classes)))


def _block(inputs: int, outputs: int, *, kernel: int, repeats: int, dropout: float) -> Residual:
    """Separable convolutions of which all but the last are rectified: that is rectified with the shortcut added."""
    main: list[nn.Module] = []
    for repeat in range(repeats):
        main += [*_separable(inputs if repeat == 0 else outputs, outputs, kernel), nn.ReLU(), nn.Dropout(dropout)]
    return Residual(nn.Sequential(*main[:-2]), nn.Sequential(*_pointwise(inputs, outputs)))


def _separable(inputs: int, outputs: int, kernel: int, *, dilation: int = 1) -> tuple[nn.Module, ...]:
    """A convolution of every channel by itself, then one over the channels."""
    padding = dilation * (kernel // 2)
    each = nn.Conv1d(inputs, inputs, kernel, padding=padding, dilation=dilation, groups=inputs, bias=False)
    return each, *_pointwise(inputs, outputs)


def _pointwise(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv1d(inputs, outputs, 1, bias=False), nn.BatchNorm1d(outputs)

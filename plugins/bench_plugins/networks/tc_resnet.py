"""The layers of the model `tc-resnet`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.residual import Residual
from bench_plugins.networks.shapes import as_sequence, image_shape

STEM = 16
STAGES = (24, 32, 48)


def build(shape: tuple[int, ...], classes: int, *, depth: int, width: float, kernel: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, _frames = image_shape(shape, model="tc-resnet")
    inputs = _scaled(STEM, width)
    layers = [as_sequence(shape), *_convolution(channels * bands, inputs, kernel=3), nn.ReLU()]
    for stage in STAGES:
        for _ in range(1 if depth == 8 else 2):
            layers.append(_residual(inputs, _scaled(stage, width), kernel=kernel))
            inputs = _scaled(stage, width)
    pooled = (nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(dropout))
    return he_(AnyLength(*layers, *pooled, nn.Linear(inputs, classes)))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _residual(inputs: int, outputs: int, *, kernel: int) -> Residual:
    """Two convolutions, [B, inputs, frames] to [B, outputs, frames], the frames halved where the channels change."""
    stride = 1 if inputs == outputs else 2
    main = nn.Sequential(
        *_convolution(inputs, outputs, kernel=kernel, stride=stride),
        nn.ReLU(),
        *_convolution(outputs, outputs, kernel=kernel),
    )
    if stride == 1:
        return Residual(main, nn.Identity())
    return Residual(main, nn.Sequential(*_convolution(inputs, outputs, kernel=1, stride=stride), nn.ReLU()))


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Convolution without bias, which the normalisation after it would cancel."""
    convolution = nn.Conv1d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm1d(outputs)

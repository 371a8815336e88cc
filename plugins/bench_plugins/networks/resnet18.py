"""The layers of the model `resnet18`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.residual import Residual
from bench_plugins.networks.shapes import as_image, image_shape

STAGES = 4
BLOCKS = 2
"""Residual blocks of a stage."""


def build(shape: tuple[int, ...], classes: int, *, width: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, _bands, _frames = image_shape(shape, model="resnet18")
    layers = [as_image(shape), *_convolution(channels, width, kernel=7, stride=2), nn.ReLU()]
    layers.append(nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
    inputs = width
    for stage in range(STAGES):
        outputs = width * 2**stage
        for _ in range(BLOCKS):
            layers.append(_residual(inputs, outputs))
            inputs = outputs
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
    return he_(AnyLength(*layers, *pooled, nn.Linear(inputs, classes)))


def _residual(inputs: int, outputs: int) -> Residual:
    """Two convolutions; bands and frames are halved where the channels change."""
    stride = 1 if inputs == outputs else 2
    main = nn.Sequential(
        *_convolution(inputs, outputs, kernel=3, stride=stride),
        nn.ReLU(),
        *_convolution(outputs, outputs, kernel=3),
    )
    if stride == 1:
        return Residual(main, nn.Identity())
    return Residual(main, nn.Sequential(*_convolution(inputs, outputs, kernel=1, stride=stride)))


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Convolution without bias, which the normalisation after it would cancel."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)

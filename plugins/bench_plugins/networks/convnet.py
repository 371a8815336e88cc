"""The layers of the model `convnet`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.shapes import as_image, image_shape, require

NAME = "convnet"
"""What refusals call the network."""
BLOCKS = 5
POOLED = 4
"""Blocks that end in a pooling."""


def build(
    shape: tuple[int, ...], classes: int, *, channels: int, channel_dropout: float, dense: int, dropout: float
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=NAME)
    require(bands, at_least=2**POOLED, what="bands", model=NAME)
    require(frames, at_least=2**POOLED, what="frames", model=NAME)
    layers = [as_image(shape)]
    for block in range(BLOCKS):
        outputs = channels * 2**block
        layers += [
            nn.Conv2d(inputs, outputs, kernel_size=3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2) if block < POOLED else nn.AdaptiveAvgPool2d(1),
            nn.Dropout2d(channel_dropout),
        ]
        inputs = outputs
    linear = (
        nn.Flatten(),
        nn.Linear(inputs, dense),
        nn.BatchNorm1d(dense),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(dense, classes),
    )
    return he_(AnyLength(*layers, *linear, least=2**POOLED))

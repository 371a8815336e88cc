"""The layers of the model `cnn-lstm`."""

from __future__ import annotations

from math import prod

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, LastStates
from bench_plugins.networks.shapes import as_image, image_shape, require

NAME = "cnn-lstm"
"""What refusals call the network."""
POOLS = ((2, 2), (4, 2), (4, 2), (4, 2))
"""Bands and frames of each block's pooling."""
WIDTHS = (1, 1, 2, 2)
"""Each block's channels, in channels of the first."""
LEAST = prod(frames for _bands, frames in POOLS)


def build(shape: tuple[int, ...], classes: int, *, channels: int, hidden: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=NAME)
    require(frames, at_least=LEAST, what="frames", model=NAME)
    blocks: list[nn.Module] = []
    for (tall, wide), width in zip(POOLS, WIDTHS, strict=True):
        outputs, tall = width * channels, min(tall, bands)  # a pool is cut to what is left of the bands
        blocks += [
            nn.Conv2d(inputs, outputs, kernel_size=3, padding="same"),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d((tall, wide)),
        ]
        inputs, bands = outputs, bands // tall
    return he_(
        AnyLength(
            as_image(shape),
            *blocks,
            nn.Flatten(1, 2),
            LastStates(inputs * bands, hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
            least=LEAST,
        )
    )

"""The layers of the model `cnn-lstm`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, LastStates
from bench_plugins.networks.shapes import as_image, image_shape, require

if TYPE_CHECKING:
    from bench_plugins.models.cnn_lstm import CnnLstm

POOLS = ((2, 2), (4, 2), (4, 2), (4, 2))
"""Bands and frames of each block's pooling."""
WIDTHS = (1, 1, 2, 2)
"""Each block's channels, in channels of the first."""
LEAST = prod(frames for _bands, frames in POOLS)


def build(config: CnnLstm, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=config.name)
    require(frames, at_least=LEAST, what="frames", model=config.name)
    blocks: list[nn.Module] = []
    for (tall, wide), width in zip(POOLS, WIDTHS, strict=True):
        outputs, tall = width * config.channels, min(tall, bands)  # a pool is cut to what is left of the bands
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
            LastStates(inputs * bands, config.hidden),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, classes),
            least=LEAST,
        )
    )

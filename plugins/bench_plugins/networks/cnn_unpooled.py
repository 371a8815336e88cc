"""The layers of the model `cnn-unpooled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.shapes import as_image, image_shape, require

if TYPE_CHECKING:
    from bench_plugins.models.cnn_unpooled import CnnUnpooled

LARGEST = 64_000_000
"""Weights of the first linear layer: 256 MB, and a gigabyte while Adam trains it. A larger network is refused."""


def build(config: CnnUnpooled, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=config.name)
    require(bands, at_least=5, what="bands", model=config.name)
    require(frames, at_least=5, what="frames", model=config.name)
    flat = 2 * config.channels * (bands - 4) * (frames - 4)
    if flat * config.dense > LARGEST:
        raise Infeasible(
            f"{config.name} would have {flat * config.dense / 1e6:.0f} million weights in its first linear layer at "
            f"{list(shape)}: fewer bands or frames, channels or dense units"
        )
    narrow = max(classes, config.dense // 8)  # fewer units than classes could not tell them apart
    return he_(
        nn.Sequential(
            as_image(shape),
            *_convolution(inputs, config.channels),
            *_convolution(config.channels, 2 * config.channels),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(flat, config.dense),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, narrow),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(narrow, classes),
        )
    )


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel_size=3), nn.BatchNorm2d(outputs), nn.ReLU()

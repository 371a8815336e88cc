"""The layers of the model `cnn-unpooled`."""

from __future__ import annotations

from torch import nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.shapes import as_image, image_shape, require

NAME = "cnn-unpooled"
"""What refusals call the network."""
LARGEST = 64_000_000
"""Weights of the first linear layer: 256 MB, and a gigabyte while Adam trains it. A larger network is refused."""


def build(shape: tuple[int, ...], classes: int, *, channels: int, dense: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=NAME)
    require(bands, at_least=5, what="bands", model=NAME)
    require(frames, at_least=5, what="frames", model=NAME)
    flat = 2 * channels * (bands - 4) * (frames - 4)
    if flat * dense > LARGEST:
        raise Infeasible(
            f"{NAME} would have {flat * dense / 1e6:.0f} million weights in its first linear layer at "
            f"{list(shape)}: fewer bands or frames, channels or dense units"
        )
    narrow = max(classes, dense // 8)  # fewer units than classes could not tell them apart
    return he_(
        nn.Sequential(
            as_image(shape),
            *_convolution(inputs, channels),
            *_convolution(channels, 2 * channels),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(flat, dense),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(dense, narrow),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(narrow, classes),
        )
    )


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel_size=3), nn.BatchNorm2d(outputs), nn.ReLU()

"""The layers of the model `cnn-adaptive`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.shapes import as_image, image_shape

if TYPE_CHECKING:
    from bench_plugins.models.cnn_adaptive import CnnAdaptive


def build(config: CnnAdaptive, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, _bands, _frames = image_shape(shape, model=config.name)
    widths = (inputs, *(config.width,) * (config.layers - 1))
    convolutions = [
        layer
        for channels in widths
        for layer in (nn.Conv2d(channels, config.width, kernel_size=3, padding=1), nn.LeakyReLU())
    ]
    narrow = max(classes, config.width // 2)  # fewer units than classes could not tell them apart
    return he_(
        AnyLength(
            as_image(shape),
            *convolutions,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, narrow),
            nn.LeakyReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(narrow, classes),
        )
    )

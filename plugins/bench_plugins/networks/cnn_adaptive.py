"""The layers of the model `cnn-adaptive`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.shapes import as_image, image_shape


def build(shape: tuple[int, ...], classes: int, *, width: int, layers: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, _bands, _frames = image_shape(shape, model="cnn-adaptive")
    widths = (inputs, *(width,) * (layers - 1))
    convolutions = [
        layer for channels in widths for layer in (nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.LeakyReLU())
    ]
    narrow = max(classes, width // 2)  # fewer units than classes could not tell them apart
    return he_(
        AnyLength(
            as_image(shape),
            *convolutions,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(width, narrow),
            nn.LeakyReLU(),
            nn.Dropout(dropout),
            nn.Linear(narrow, classes),
        )
    )

"""Convolutions of one width, pooled to their means."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Int, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength
from bench_plugins.models.shapes import as_image, image_shape


class CnnAdaptive(Model):
    """3x3 convolutions of one width with leaky ReLU, adaptive average pooling, a narrowing linear decoder. Takes clips of
    any length.

    With its defaults the revised CNN of the instruments reference system, which leaves open the padding (here 1: every
    length is taken), what it pools to (1x1) and the decoder (one layer of half the width, then the classes).
    """

    name: ClassVar[str] = "cnn-adaptive"
    any_length: ClassVar[bool] = True
    width: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of every convolution. All of them run on all bands and frames: the time of an epoch grows with its square."""
    layers: Annotated[int, Int(3, 5), Field(ge=1)] = 5
    """Number of convolutions."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        inputs, _bands, _frames = image_shape(shape, model=self.name)
        widths = (inputs, *(self.width,) * (self.layers - 1))
        convolutions = [
            layer
            for channels in widths
            for layer in (nn.Conv2d(channels, self.width, kernel_size=3, padding=1), nn.LeakyReLU())
        ]
        narrow = max(classes, self.width // 2)  # fewer units than classes could not tell them apart
        return he_(
            AnyLength(
                as_image(shape),
                *convolutions,
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Dropout(self.dropout),
                nn.Linear(self.width, narrow),
                nn.LeakyReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(narrow, classes),
            )
        )

"""Deep convolutional network for spectrograms of one or more channels."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength
from bench_plugins.models.shapes import as_image, image_shape, require

BLOCKS = 5
POOLED = 4
"""Blocks that end in a pooling."""


class ConvNet(Model):
    """Five blocks of 3x3 convolution, batch normalisation and ReLU, the channels doubling; 2x2 max pooling after all but the
    last, global average pooling after that; two linear layers. Takes clips of any length; from 16 frames as they are,
    shorter ones with zeros before them.

    With its defaults the network of the thirty-words reference system: 1,849,342 parameters at [2, 257, 101] and 30 classes.
    The system leaves open the convolutions' padding: here 1.
    """

    name: ClassVar[str] = "convnet"
    any_length: ClassVar[bool] = True
    channels: Annotated[int, Choice(8, 16, 32), Field(ge=1)] = 32
    """Channels of the first block."""
    channel_dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.2
    """Share of channels dropped, whole, after each block."""
    dense: Annotated[int, Choice(128, 256, 512), Field(ge=1)] = 512
    """Units of the first linear layer."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.5
    """Share of activations dropped before the last linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        inputs, bands, frames = image_shape(shape, model=self.name)
        require(bands, at_least=2**POOLED, what="bands", model=self.name)
        require(frames, at_least=2**POOLED, what="frames", model=self.name)
        layers = [as_image(shape)]
        for block in range(BLOCKS):
            outputs = self.channels * 2**block
            layers += [
                nn.Conv2d(inputs, outputs, kernel_size=3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(2) if block < POOLED else nn.AdaptiveAvgPool2d(1),
                nn.Dropout2d(self.channel_dropout),
            ]
            inputs = outputs
        linear = (
            nn.Flatten(),
            nn.Linear(inputs, self.dense),
            nn.BatchNorm1d(self.dense),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.dense, classes),
        )
        return he_(AnyLength(*layers, *linear, least=2**POOLED))

"""Convolutions over bands and frames, then a recurrent layer over the frames."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength, LastStates
from bench_plugins.models.shapes import as_image, image_shape, require

POOLS = ((2, 2), (4, 2), (4, 2), (4, 2))
"""Bands and frames of each block's pooling."""
WIDTHS = (1, 1, 2, 2)
"""Each block's channels, in channels of the first."""
LEAST = prod(frames for _bands, frames in POOLS)


class CnnLstm(Model):
    """Four blocks of 3x3 convolution, batch normalisation, ReLU and max pooling; an LSTM over the frames that are left, of
    which the last state goes to one linear layer. Takes clips of any length; from 16 frames as they are, shorter ones with
    zeros before them.

    With its defaults the network of the emotion reference system: 656,839 parameters at [128, T] and 7 classes (torch's
    LSTM has two biases, of which the published one has the sum: 655,815). Its pools take 128 bands down to 1.
    """

    name: ClassVar[str] = "cnn-lstm"
    any_length: ClassVar[bool] = True
    channels: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of the first two blocks; the other two have twice as many."""
    hidden: Annotated[int, Choice(64, 128, 256), Field(ge=1)] = 256
    """Units of the LSTM."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        inputs, bands, frames = image_shape(shape, model=self.name)
        require(frames, at_least=LEAST, what="frames", model=self.name)
        blocks: list[nn.Module] = []
        for (tall, wide), width in zip(POOLS, WIDTHS, strict=True):
            outputs, tall = width * self.channels, min(tall, bands)  # a pool is cut to what is left of the bands
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
                LastStates(inputs * bands, self.hidden),
                nn.Dropout(self.dropout),
                nn.Linear(self.hidden, classes),
                least=LEAST,
            )
        )

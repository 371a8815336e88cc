"""Deep convolutional network for spectrograms of one or more channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class ConvNet(Model):
    """Five blocks of 3x3 convolution, batch normalisation and ReLU, the channels doubling; 2x2 max pooling after all but the
    last, global average pooling after that; two linear layers. Takes clips of any length; from 16 frames as they are,
    shorter ones with zeros before them.

    With its defaults the network of the thirty-words reference system: 1,849,342 parameters at [2, 257, 101] and 30 classes.
    The system shows none of the padding that there is here, by 1: 479 million mult-adds in place of 312 million, and
    inputs from 16 frames on in place of 78.
    """

    name: ClassVar[str] = "convnet"
    in_default_search: ClassVar[bool] = False
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
        from bench_plugins.networks import convnet

        return convnet.build(
            shape,
            classes,
            channels=self.channels,
            channel_dropout=self.channel_dropout,
            dense=self.dense,
            dropout=self.dropout,
        )

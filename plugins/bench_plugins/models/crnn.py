"""Convolutions over time, then a recurrent layer that reads the channels one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class Crnn(Model):
    """Three blocks of temporal convolution (bands are channels), an LSTM over the channels, two linear layers.

    With its defaults the CRNN of the spoken-digit reference system: 1,942,346 parameters at [128, 44] and 10 classes.
    """

    name: ClassVar[str] = "crnn"
    channels: Annotated[int, Choice(32, 64, 128), Field(ge=1)] = 128
    """Channels of the first two blocks; the third has twice as many."""
    kernel: Annotated[int, Choice(3, 5, 7), Field(ge=1)] = 5
    """Frames that a convolution spans."""
    hidden: Annotated[int, Choice(32, 64, 96), Field(ge=1)] = 96
    """Units of the LSTM."""
    dense: Annotated[int, Field(ge=1)] = 64
    """Units of the first linear layer."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import crnn

        return crnn.build(
            shape,
            classes,
            channels=self.channels,
            kernel=self.kernel,
            hidden=self.hidden,
            dense=self.dense,
            dropout=self.dropout,
        )

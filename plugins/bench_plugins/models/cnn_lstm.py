"""Convolutions over bands and frames, then a recurrent layer over the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class CnnLstm(Model):
    """Four blocks of 3x3 convolution, batch normalisation, ReLU and max pooling; an LSTM over the frames that are left, of
    which the last state goes to one linear layer. Takes clips of any length; from 16 frames as they are, shorter ones with
    zeros before them.

    With its defaults the network of the emotion reference system: 656,839 parameters at [128, T] and 7 classes (torch's
    LSTM has two biases, of which the published one has the sum: 655,815). Its pools take 128 bands down to 1.
    """

    name: ClassVar[str] = "cnn-lstm"
    in_default_search: ClassVar[bool] = False
    any_length: ClassVar[bool] = True
    channels: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of the first two blocks; the other two have twice as many."""
    hidden: Annotated[int, Choice(64, 128, 256), Field(ge=1)] = 256
    """Units of the LSTM."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import cnn_lstm

        return cnn_lstm.build(shape, classes, channels=self.channels, hidden=self.hidden, dropout=self.dropout)

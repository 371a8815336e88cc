"""A convolutional and a recurrent branch side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class ParallelCnnLstm(Model):
    """Convolutions along the bands beside a bidirectional LSTM over the pooled bands; one linear layer on both.

    With its defaults the third network of the spoken-digit reference system: 260,042 parameters at [128, 44], 10 classes.
    """

    name: ClassVar[str] = "parallel-cnn-lstm"
    in_default_search: ClassVar[bool] = False
    channels: Annotated[int, Choice(8, 16, 32), Field(ge=1)] = 16
    """Channels of the first convolution; the second has twice, the third and fourth four times as many."""
    hidden: Annotated[int, Choice(32, 64, 128), Field(ge=1)] = 128
    """Units of the LSTM in each direction."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import parallel_cnn_lstm

        return parallel_cnn_lstm.build(shape, classes, channels=self.channels, hidden=self.hidden, dropout=self.dropout)

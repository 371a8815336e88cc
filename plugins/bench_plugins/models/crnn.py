"""Convolutions over time, then a recurrent layer that reads the channels one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.sequence import SequenceLstm
from bench_plugins.models.shapes import as_sequence, image_shape, require

BLOCKS = 3


class Crnn(Model):
    """Three blocks of temporal convolution (bands are channels), an LSTM over the channel rows, two linear layers.

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
        channels, bands, frames = image_shape(shape, model=self.name)
        require(frames, at_least=2**BLOCKS, what="frames", model=self.name)
        widths = (channels * bands, self.channels, self.channels, 2 * self.channels)
        blocks = [layer for inputs, outputs in pairwise(widths) for layer in self._block(inputs, outputs)]
        return he_(
            nn.Sequential(
                as_sequence(shape),
                *blocks,
                SequenceLstm(frames // 2**BLOCKS, self.hidden),
                nn.Flatten(),
                nn.Dropout(self.dropout),
                nn.Linear(widths[-1] * self.hidden, self.dense),
                nn.ReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(self.dense, classes),
            )
        )

    def _block(self, inputs: int, outputs: int) -> tuple[nn.Module, ...]:
        convolution = nn.Conv1d(inputs, outputs, self.kernel, padding="same")
        return convolution, nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(2)

"""Recurrent layers over the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Int, Model

if TYPE_CHECKING:
    from torch import nn


class Lstm(Model):
    """LSTM layers that read frame after frame; the last state of every layer, flattened; three linear layers. Takes clips
    of any length.

    With its defaults the LSTM of the instruments reference system: 21,774 parameters at [13, 49] and 14 classes. Its
    revised form has 8 layers of 128 units.
    """

    name: ClassVar[str] = "lstm"
    any_length: ClassVar[bool] = True
    hidden: Annotated[int, Choice(16, 32, 64, 128), Field(ge=1)] = 16
    """Units of every layer."""
    layers: Annotated[int, Int(1, 4), Field(ge=1)] = 3
    """LSTM layers, one upon the other."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import lstm

        return lstm.build(shape, classes, hidden=self.hidden, layers=self.layers, dropout=self.dropout)

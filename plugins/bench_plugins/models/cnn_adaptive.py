"""Convolutions of one width, pooled to their means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Int, Model

if TYPE_CHECKING:
    from torch import nn


class CnnAdaptive(Model):
    """3x3 convolutions of one width with leaky ReLU, adaptive average pooling, a narrowing linear decoder. Takes clips of
    any length.

    With its defaults the revised CNN of the instruments reference system, which leaves open the padding (here 1: every
    length is taken), what it pools to (1x1) and the decoder (one layer of half the width, then the classes).
    """

    name: ClassVar[str] = "cnn-adaptive"
    in_default_search: ClassVar[bool] = False
    any_length: ClassVar[bool] = True
    width: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of every convolution. All of them run on all bands and frames: the time of an epoch grows with its square."""
    layers: Annotated[int, Int(3, 5), Field(ge=1)] = 5
    """Number of convolutions."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import cnn_adaptive

        return cnn_adaptive.build(shape, classes, width=self.width, layers=self.layers, dropout=self.dropout)

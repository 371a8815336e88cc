"""Convolutions without pooling, and a large linear layer on all that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class CnnUnpooled(Model):
    """Two 3x3 convolutions, neither padded nor pooled, each with batch normalisation and ReLU; three linear layers.

    With its defaults the first CNN of the instruments reference system: 6,674,670 parameters at [13, 49] and 14 classes.
    Nearly all are weights of the first linear layer, which grows with bands times frames: meant for small inputs, as MFCCs.
    """

    name: ClassVar[str] = "cnn-unpooled"
    in_default_search: ClassVar[bool] = False
    channels: Annotated[int, Choice(4, 8, 16), Field(ge=1)] = 16
    """Channels of the first convolution; the second has twice as many."""
    dense: Annotated[int, Choice(128, 256, 512), Field(ge=1)] = 512
    """Units of the first linear layer; the second has an eighth of them, and at least one a class."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import cnn_unpooled

        return cnn_unpooled.build(shape, classes, channels=self.channels, dense=self.dense, dropout=self.dropout)

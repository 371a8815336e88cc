"""Plain convolutional network over the spectrogram as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Int, Model

if TYPE_CHECKING:
    from torch import nn


class Cnn(Model):
    """Blocks of 3x3 convolution, ReLU and 2x2 max pooling, then one linear layer; the channels double from block to block.

    With its defaults the baseline of the spoken-digit reference system: 143,242 parameters at [128, 44] and 10 classes.
    """

    name: ClassVar[str] = "cnn"
    channels: Annotated[int, Choice(8, 16, 32), Field(ge=1)] = 16
    """Channels of the first block."""
    blocks: Annotated[int, Int(3, 5), Field(ge=1)] = 4
    """Number of blocks, each of which halves bands and frames."""
    batch_norm: Annotated[bool, Choice(False, True)] = False
    """Batch normalisation after every convolution (the published network has none)."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import cnn

        return cnn.build(
            shape, classes, channels=self.channels, blocks=self.blocks, batch_norm=self.batch_norm, dropout=self.dropout
        )

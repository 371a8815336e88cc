"""Separable convolutions over time in residual blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class MatchboxNet(Model):
    """MatchboxNet-BxRxC: separable convolutions over time, bands as channels, in residual blocks. Takes clips of any length.

    Majumdar and Ginsburg, 2020 (arXiv:2004.08531), on 64 MFCCs: at 30 classes 3x1x64 has 77,214 parameters, 3x2x64 has
    92,766.
    """

    name: ClassVar[str] = "matchboxnet"
    any_length: ClassVar[bool] = True
    blocks: Annotated[int, Choice(3, 4, 6), Field(ge=1)] = 3
    """Residual blocks, whose convolutions span 13, 15, 17, ... frames."""
    repeats: Annotated[int, Choice(1, 2), Field(ge=1)] = 2
    """Convolutions of a block."""
    channels: Annotated[int, Choice(64, 112), Field(ge=1)] = 64
    """Channels of the blocks."""
    dropout: Annotated[float, Float(0.0, 0.3), Field(ge=0, lt=1)] = 0.0
    """Share of the values dropped after every convolution of the blocks."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import matchboxnet

        return matchboxnet.build(
            shape, classes, blocks=self.blocks, repeats=self.repeats, channels=self.channels, dropout=self.dropout
        )

"""Broadcasted residual network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class BcResNet(Model):
    """BC-ResNet: convolutions over bands, and over frames of the mean of all bands. Takes clips of any length, and 40 or 80
    bands.

    Kim et al., 2021 (arXiv:2106.04140): at 12 classes 9,232 parameters with tau 1, 321,068 with tau 8.
    """

    name: ClassVar[str] = "bc-resnet"
    any_length: ClassVar[bool] = True
    tau: Annotated[float, Choice(1.0, 1.5, 2.0, 3.0, 6.0, 8.0), Field(ge=1, le=8, multiple_of=0.125)] = 1.0
    """Factor on all channel counts (16, then 8, 12, 16, 20, and 32 before the classes)."""
    dropout: Annotated[float, Float(0.0, 0.3), Field(ge=0, lt=1)] = 0.1
    """Share of channels dropped in every block."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import bc_resnet

        return bc_resnet.build(shape, classes, tau=self.tau, dropout=self.dropout)

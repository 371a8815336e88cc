"""Residual network of temporal convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class TcResNet(Model):
    """TC-ResNet: one-dimensional residual convolutions over time, bands as channels. Takes clips of any length.

    Choi et al., 2019 (arXiv:1904.03814): depth 8 has 66 thousand parameters, depth 14 at width 1.5 has 305 thousand.
    """

    name: ClassVar[str] = "tc-resnet"
    any_length: ClassVar[bool] = True
    depth: Annotated[Literal[8, 14], Choice(8, 14)] = 8
    """Layers: one residual block a stage, or two."""
    width: Annotated[float, Choice(1.0, 1.5), Field(gt=0)] = 1.0
    """Factor on all channel counts (16, then 24, 32, 48)."""
    kernel: Annotated[Literal[3, 5, 7, 9, 11, 13], Choice(5, 9)] = 9
    """Frames that a convolution spans."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.5
    """Share of channels dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import tc_resnet

        return tc_resnet.build(
            shape, classes, depth=self.depth, width=self.width, kernel=self.kernel, dropout=self.dropout
        )

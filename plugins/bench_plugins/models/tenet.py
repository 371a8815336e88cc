"""Inverted bottlenecks over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class TeNet(Model):
    """TENet: inverted bottlenecks of separable convolutions over time, bands as channels. Takes clips of any length.

    Li et al., 2020 (arXiv:2010.09960): about 97 thousand parameters with 4 layers a stage (TENet12), 52 thousand with 2
    (TENet6).
    """

    name: ClassVar[str] = "tenet"
    any_length: ClassVar[bool] = True
    layers: Annotated[int, Choice(2, 4), Field(ge=1)] = 4
    """Bottlenecks of each of the three stages."""
    branches: Annotated[bool, Choice(False, True)] = False
    """Whether a convolution over 9 frames is trained as the sum of ones over 3, 5, 7 and 9."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.2
    """Share of channels dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import tenet

        return tenet.build(shape, classes, layers=self.layers, branches=self.branches, dropout=self.dropout)

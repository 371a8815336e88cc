"""Few layers on what the frames of a clip have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class LinearProbe(Model):
    """One linear layer on the mean, spread and maximum of a feature's frames. Takes clips of any length.

    On the frames of a network that was trained on much other speech it is hard to beat with few clips; on any feature it
    says what the networks have to be better than. A trial takes seconds.
    """

    name: ClassVar[str] = "linear-probe"
    any_length: ClassVar[bool] = True
    dropout: Annotated[float, Float(0.0, 0.7), Field(ge=0, lt=1)] = 0.2
    """Share of the statistics dropped."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import probe

        return probe.build(shape, classes, model=self.name, dropout=self.dropout)


class Mlp(Model):
    """Linear layers, batch normalisation and ReLU on the mean, spread and maximum of a feature's frames. Takes clips of any
    length."""

    name: ClassVar[str] = "mlp"
    any_length: ClassVar[bool] = True
    hidden: Annotated[int, Choice(64, 128, 256, 512), Field(ge=1)] = 128
    """Width of the layers before the last."""
    layers: Annotated[int, Choice(1, 2), Field(ge=1)] = 1
    """Layers before the last."""
    dropout: Annotated[float, Float(0.0, 0.7), Field(ge=0, lt=1)] = 0.3
    """Share of the values dropped before every layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import probe

        return probe.build(
            shape, classes, model=self.name, hidden=self.hidden, layers=self.layers, dropout=self.dropout
        )

"""A small network: the average over time, then two linear layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from bench.plugins import Float, Infeasible, Int, Model

if TYPE_CHECKING:
    from torch import nn


class BandMlp(Model):
    """Mean of every band over time, normalised, then a hidden layer."""

    name: ClassVar[str] = "band-mlp"
    hidden: Annotated[int, Int(8, 64, log=True)] = 32
    """Units of the hidden layer."""
    dropout: Annotated[float, Float(0.0, 0.5)] = 0.1
    """Share of hidden units dropped."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn  # here, so that commands that train nothing do not wait for torch

        if len(shape) != 2:
            raise Infeasible(f"{self.name} takes [bands, frames], not {list(shape)}")
        bands, _frames = shape
        return nn.Sequential(
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.BatchNorm1d(bands),
            nn.Linear(bands, self.hidden),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, classes),
        )

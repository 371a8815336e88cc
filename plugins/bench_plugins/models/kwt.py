"""Transformer over frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class Kwt(Model):
    """KWT: a transformer of 12 layers whose tokens are frames. Takes clips of one length, whose positions it learns.

    Berg et al., 2021 (arXiv:2104.00769), on 40 bands and 98 frames: at 12 classes 609,740 parameters as KWT-1, 2,399,116 as
    KWT-2 and 5,368,140 as KWT-3.
    """

    name: ClassVar[str] = "kwt"
    in_default_search: ClassVar[bool] = False
    size: Annotated[Literal[1, 2, 3], Choice(1, 2, 3)] = 1
    """1 is KWT-1, whose tokens have 64 values and one attention; 2 and 3 have two and three times as many of both."""
    dropout: Annotated[float, Float(0.0, 0.3), Field(ge=0, lt=1)] = 0.0
    """Share of the values dropped in every layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import kwt

        return kwt.build(shape, classes, size=self.size, dropout=self.dropout)

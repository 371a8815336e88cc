"""Filters over the waveform, whose outputs are then seen as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class AcdNet(Model):
    """ACDNet: two convolutions turn the waveform into 64 bands every 10 ms, nine more read these as an image. Takes clips of
    any length.

    Mohaimenuzzaman et al., 2023 (arXiv:2103.03483): 4,735,378 parameters at 50 classes, on 1.51 s at 20 kHz. Its published
    ESC-50 accuracy (0.871) is that of the best of 2,000 epochs on the fold that it is reported on.
    """

    name: ClassVar[str] = "acdnet"
    any_length: ClassVar[bool] = True
    in_default_search: ClassVar[bool] = False
    width: Annotated[int, Choice(4, 8), Field(ge=1)] = 8
    """Channels of the first convolution; those over the image are 4 to 64 times as many."""
    pool: Annotated[int, Choice(40, 50), Field(ge=1)] = 50
    """Frames of four samples that a frame of the image is the greatest of: 10 ms at 20 kHz with 50, at 16 kHz with 40."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.2
    """Share of the values dropped before the classes."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import acdnet

        return acdnet.build(shape, classes, width=self.width, pool=self.pool, dropout=self.dropout)

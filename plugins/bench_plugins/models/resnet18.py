"""ResNet-18 over the spectrogram as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class ResNet18(Model):
    """ResNet-18: a 7x7 stem with max pooling, four stages of two residual blocks, global average pooling, one linear layer.
    Takes clips of any length.

    He et al., 2016 (arXiv:1512.03385). With its defaults and one channel the ResNet of the instruments reference system:
    11,177,422 parameters at 14 classes.
    """

    name: ClassVar[str] = "resnet18"
    any_length: ClassVar[bool] = True
    width: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of the first stage, which double from stage to stage (published: 64). Half of it is a quarter of the work."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of channels dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import resnet18

        return resnet18.build(shape, classes, width=self.width, dropout=self.dropout)

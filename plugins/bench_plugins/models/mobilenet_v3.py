"""MobileNetV3 over the spectrogram as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class MobileNetV3(Model):
    """MobileNetV3-Large: inverted bottlenecks with squeeze and excitation, over the spectrogram as an image.

    Howard et al., 2019 (arXiv:1905.02244); over 128 mel bands as in EfficientAT (Schmid et al., 2023, arXiv:2211.04772):
    at 527 classes 0.98 million parameters with width 0.4, 1.43 with 0.5, 4.88 with 1.0.
    """

    name: ClassVar[str] = "mobilenet-v3"
    in_default_search: ClassVar[bool] = False
    width: Annotated[float, Choice(0.4, 0.5, 1.0), Field(gt=0)] = 0.4
    """Factor on all channel counts."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.2
    """Share of the values dropped before the last linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import mobilenet_v3

        return mobilenet_v3.build(shape, classes, width=self.width, dropout=self.dropout)

"""Residual network of temporal convolutions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength
from bench_plugins.models.residual import Residual
from bench_plugins.models.shapes import as_sequence, image_shape

STEM = 16
STAGES = (24, 32, 48)


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
        channels, bands, _frames = image_shape(shape, model=self.name)
        inputs = self._scaled(STEM)
        layers = [as_sequence(shape), *_convolution(channels * bands, inputs, kernel=3), nn.ReLU()]
        for stage in STAGES:
            for _ in range(1 if self.depth == 8 else 2):
                layers.append(_residual(inputs, self._scaled(stage), kernel=self.kernel))
                inputs = self._scaled(stage)
        pooled = (nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(self.dropout))
        return he_(AnyLength(*layers, *pooled, nn.Linear(inputs, classes)))

    def _scaled(self, channels: int) -> int:
        return max(1, round(channels * self.width))


def _residual(inputs: int, outputs: int, *, kernel: int) -> Residual:
    """Two convolutions, [B, inputs, frames] to [B, outputs, frames], the frames halved where the channels change."""
    stride = 1 if inputs == outputs else 2
    main = nn.Sequential(
        *_convolution(inputs, outputs, kernel=kernel, stride=stride),
        nn.ReLU(),
        *_convolution(outputs, outputs, kernel=kernel),
    )
    if stride == 1:
        return Residual(main, nn.Identity())
    return Residual(main, nn.Sequential(*_convolution(inputs, outputs, kernel=1, stride=stride), nn.ReLU()))


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Convolution without bias, which the normalisation after it would cancel."""
    convolution = nn.Conv1d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm1d(outputs)

"""ResNet-18 over the spectrogram as an image."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength
from bench_plugins.models.residual import Residual
from bench_plugins.models.shapes import as_image, image_shape

STAGES = 4
BLOCKS = 2
"""Residual blocks of a stage."""


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
        channels, _bands, _frames = image_shape(shape, model=self.name)
        layers = [as_image(shape), *_convolution(channels, self.width, kernel=7, stride=2), nn.ReLU()]
        layers.append(nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        inputs = self.width
        for stage in range(STAGES):
            outputs = self.width * 2**stage
            for _ in range(BLOCKS):
                layers.append(_residual(inputs, outputs))
                inputs = outputs
        pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(self.dropout))
        return he_(AnyLength(*layers, *pooled, nn.Linear(inputs, classes)))


def _residual(inputs: int, outputs: int) -> Residual:
    """Two convolutions; bands and frames are halved where the channels change."""
    stride = 1 if inputs == outputs else 2
    main = nn.Sequential(
        *_convolution(inputs, outputs, kernel=3, stride=stride),
        nn.ReLU(),
        *_convolution(outputs, outputs, kernel=3),
    )
    if stride == 1:
        return Residual(main, nn.Identity())
    return Residual(main, nn.Sequential(*_convolution(inputs, outputs, kernel=1, stride=stride)))


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Convolution without bias, which the normalisation after it would cancel."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)

"""Convolutions without pooling, and a large linear layer on all that they give."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Infeasible, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.shapes import as_image, image_shape, require

LARGEST = 64_000_000
"""Weights of the first linear layer: 256 MB, and a gigabyte while Adam trains it. A larger network is refused."""


class CnnUnpooled(Model):
    """Two 3x3 convolutions, neither padded nor pooled, each with batch normalisation and ReLU; three linear layers.

    With its defaults the first CNN of the instruments reference system: 6,674,670 parameters at [13, 49] and 14 classes.
    Nearly all are weights of the first linear layer, which grows with bands times frames: meant for small inputs, as MFCCs.
    """

    name: ClassVar[str] = "cnn-unpooled"
    channels: Annotated[int, Choice(4, 8, 16), Field(ge=1)] = 16
    """Channels of the first convolution; the second has twice as many."""
    dense: Annotated[int, Choice(128, 256, 512), Field(ge=1)] = 512
    """Units of the first linear layer; the second has an eighth of them, and at least one a class."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before each linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        inputs, bands, frames = image_shape(shape, model=self.name)
        require(bands, at_least=5, what="bands", model=self.name)
        require(frames, at_least=5, what="frames", model=self.name)
        flat = 2 * self.channels * (bands - 4) * (frames - 4)
        if flat * self.dense > LARGEST:
            raise Infeasible(
                f"{self.name} would have {flat * self.dense / 1e6:.0f} million weights in its first linear layer at "
                f"{list(shape)}: fewer bands or frames, channels or dense units"
            )
        narrow = max(classes, self.dense // 8)  # fewer units than classes could not tell them apart
        return he_(
            nn.Sequential(
                as_image(shape),
                *_convolution(inputs, self.channels),
                *_convolution(self.channels, 2 * self.channels),
                nn.Flatten(),
                nn.Dropout(self.dropout),
                nn.Linear(flat, self.dense),
                nn.ReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(self.dense, narrow),
                nn.ReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(narrow, classes),
            )
        )


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel_size=3), nn.BatchNorm2d(outputs), nn.ReLU()

"""A convolutional and a recurrent branch side by side."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.plugins import Choice, Float, Infeasible, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.sequence import SequenceLstm
from bench_plugins.models.shapes import as_image, image_shape, require

POOLS = (2, 2, 2, 4)
ROW_POOL = (4, 2)


class ParallelCnnLstm(Model):
    """Convolutions along the bands beside a bidirectional LSTM over the pooled bands; one linear layer on both.

    With its defaults the third network of the spoken-digit reference system: 260,042 parameters at [128, 44], 10 classes.
    """

    name: ClassVar[str] = "parallel-cnn-lstm"
    channels: Annotated[int, Choice(8, 16, 32), Field(ge=1)] = 16
    """Channels of the first convolution; the second has twice, the third and fourth four times as many."""
    hidden: Annotated[int, Choice(32, 64, 128), Field(ge=1)] = 128
    """Units of the LSTM in each direction."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        image = image_shape(shape, model=self.name)
        convolutions, from_convolutions = self._convolutions(image)
        rows, from_rows = self._rows(image)
        return he_(
            nn.Sequential(
                as_image(shape),
                SideBySide(convolutions, rows),
                nn.Dropout(self.dropout),
                nn.Linear(from_convolutions + from_rows, classes),
            )
        )

    def _convolutions(self, image: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """The first branch, and how many values it gives. Pools are cut to what is left of bands and frames."""
        inputs, bands, frames = image
        layers: list[nn.Module] = []
        for pool, width in zip(POOLS, (1, 2, 4, 4), strict=True):
            outputs, bands = self.channels * width, bands - 2
            if bands < 1:
                raise Infeasible(f"{self.name} runs out of bands: {image[1]} are too few for its four convolutions")
            window = (min(pool, bands), min(pool, frames))
            layers += [
                nn.Conv2d(inputs, outputs, kernel_size=(3, 1)),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(window),
            ]
            inputs, bands, frames = outputs, bands // window[0], frames // window[1]
        return nn.Sequential(*layers, nn.Flatten()), inputs * bands * frames

    def _rows(self, image: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """The second branch, and how many values it gives."""
        channels, bands, frames = image
        require(bands, at_least=ROW_POOL[0], what="bands", model=self.name)
        require(frames, at_least=ROW_POOL[1], what="frames", model=self.name)
        rows = channels * (bands // ROW_POOL[0])
        branch = nn.Sequential(
            nn.MaxPool2d(ROW_POOL),
            nn.Flatten(1, 2),
            SequenceLstm(frames // ROW_POOL[1], self.hidden, bidirectional=True),
            nn.Flatten(),
        )
        return branch, rows * 2 * self.hidden


class SideBySide(nn.Module):
    """Two branches that read the same input; their outputs [B, n] and [B, m] are concatenated to [B, n + m]."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat((self.first(inputs), self.second(inputs)), dim=1)

"""The layers of the model `parallel-cnn-lstm`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.sequence import SequenceLstm
from bench_plugins.networks.shapes import as_image, image_shape, require

NAME = "parallel-cnn-lstm"
"""What refusals call the network."""
POOLS = (2, 2, 2, 4)
"""Bands (and frames) of each convolution's pooling."""
SEQUENCE_POOL = (4, 2)
"""Bands and frames of the pooling before the LSTM."""


def build(shape: tuple[int, ...], classes: int, *, channels: int, hidden: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    image = image_shape(shape, model=NAME)
    convolutional, convolutional_size = _convolutional(image, channels)
    recurrent, recurrent_size = _recurrent(image, hidden)
    return he_(
        nn.Sequential(
            as_image(shape),
            SideBySide(convolutional, recurrent),
            nn.Dropout(dropout),
            nn.Linear(convolutional_size + recurrent_size, classes),
        )
    )


def _convolutional(image: tuple[int, int, int], width: int) -> tuple[nn.Module, int]:
    """Builds the first branch and counts the values it gives. Pools are cut to what is left of bands and frames."""
    inputs, bands, frames = image
    layers: list[nn.Module] = []
    for pool, factor in zip(POOLS, (1, 2, 4, 4), strict=True):
        outputs, bands = width * factor, bands - 2
        if bands < 1:
            raise Infeasible(f"{NAME} runs out of bands: {image[1]} are too few for its four convolutions")
        window = (min(pool, bands), min(pool, frames))
        layers += [
            nn.Conv2d(inputs, outputs, kernel_size=(3, 1)),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(window),
        ]
        inputs, bands, frames = outputs, bands // window[0], frames // window[1]
    return nn.Sequential(*layers, nn.Flatten()), inputs * bands * frames


def _recurrent(image: tuple[int, int, int], hidden: int) -> tuple[nn.Module, int]:
    """Builds the second branch and counts the values it gives."""
    channels, bands, frames = image
    require(bands, at_least=SEQUENCE_POOL[0], what="bands", model=NAME)
    require(frames, at_least=SEQUENCE_POOL[1], what="frames", model=NAME)
    vectors = channels * (bands // SEQUENCE_POOL[0])
    branch = nn.Sequential(
        nn.MaxPool2d(SEQUENCE_POOL),
        nn.Flatten(1, 2),
        SequenceLstm(frames // SEQUENCE_POOL[1], hidden, bidirectional=True),
        nn.Flatten(),
    )
    return branch, vectors * 2 * hidden


class SideBySide(nn.Module):
    """Two branches that read the same input; their outputs [B, n] and [B, m] are concatenated to [B, n + m]."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat((self.first(inputs), self.second(inputs)), dim=1)

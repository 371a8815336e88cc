"""The layers of the model `crnn`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.sequence import SequenceLstm
from bench_plugins.networks.shapes import as_sequence, image_shape, require

if TYPE_CHECKING:
    from bench_plugins.models.crnn import Crnn

BLOCKS = 3


def build(config: Crnn, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, frames = image_shape(shape, model=config.name)
    require(frames, at_least=2**BLOCKS, what="frames", model=config.name)
    widths = (channels * bands, config.channels, config.channels, 2 * config.channels)
    blocks = [layer for inputs, outputs in pairwise(widths) for layer in _block(config, inputs, outputs)]
    return he_(
        nn.Sequential(
            as_sequence(shape),
            *blocks,
            SequenceLstm(frames // 2**BLOCKS, config.hidden),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(widths[-1] * config.hidden, config.dense),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, classes),
        )
    )


def _block(config: Crnn, inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv1d(inputs, outputs, config.kernel, padding="same")
    return convolution, nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(2)

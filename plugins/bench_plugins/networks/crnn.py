"""The layers of the model `crnn`."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.sequence import SequenceLstm
from bench_plugins.networks.shapes import as_sequence, image_shape, require

NAME = "crnn"
"""What refusals call the network."""
BLOCKS = 3


def build(
    shape: tuple[int, ...], classes: int, *, channels: int, kernel: int, hidden: int, dense: int, dropout: float
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    planes, bands, frames = image_shape(shape, model=NAME)
    require(frames, at_least=2**BLOCKS, what="frames", model=NAME)
    widths = (planes * bands, channels, channels, 2 * channels)
    blocks = [layer for inputs, outputs in pairwise(widths) for layer in _block(inputs, outputs, kernel)]
    return he_(
        nn.Sequential(
            as_sequence(shape),
            *blocks,
            SequenceLstm(frames // 2**BLOCKS, hidden),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(widths[-1] * hidden, dense),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(dense, classes),
        )
    )


def _block(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv1d(inputs, outputs, kernel, padding="same")
    return convolution, nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(2)

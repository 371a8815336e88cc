"""The layers of the model `lstm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench_plugins.networks.lengths import AnyLength, LastStates
from bench_plugins.networks.shapes import as_sequence, image_shape

if TYPE_CHECKING:
    from bench_plugins.models.lstm import Lstm

DECODER = (128, 64)
"""Units of the linear layers before the last."""


def build(config: Lstm, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, _frames = image_shape(shape, model=config.name)
    first, second = DECODER
    return AnyLength(
        as_sequence(shape),
        LastStates(channels * bands, config.hidden, layers=config.layers),
        nn.Dropout(config.dropout),
        nn.Linear(config.layers * config.hidden, first),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(second, classes),
    )

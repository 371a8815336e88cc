"""The layers of the model `lstm`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.lengths import AnyLength, LastStates
from bench_plugins.networks.shapes import as_sequence, image_shape

DECODER = (128, 64)
"""Units of the linear layers before the last."""


def build(shape: tuple[int, ...], classes: int, *, hidden: int, layers: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, _frames = image_shape(shape, model="lstm")
    first, second = DECODER
    return AnyLength(
        as_sequence(shape),
        LastStates(channels * bands, hidden, layers=layers),
        nn.Dropout(dropout),
        nn.Linear(layers * hidden, first),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(second, classes),
    )

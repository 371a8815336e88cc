"""The layers of the models `linear-probe` and `mlp`: what a clip's frames have in common, and few layers on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.networks.lengths import AnyLength, zero_past_end
from bench_plugins.networks.shapes import as_sequence, image_shape


def build(
    shape: tuple[int, ...], classes: int, *, model: str, hidden: int = 0, layers: int = 0, dropout: float = 0.0
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises.

    Args:
        shape: [bands, frames] or [channels, bands, frames].
        classes: Number of classes.
        model: What the network is called where it refuses a shape.
        hidden: Width of the layers before the last.
        layers: Number of layers before the last.
        dropout: Share of the values dropped before every layer.
    """
    channels, bands, _frames = image_shape(shape, model=model)
    inputs = 3 * channels * bands
    # The statistics of one band are hundredfold those of another: each is brought to mean 0 and variance 1.
    stack: list[nn.Module] = [as_sequence(shape), MeanSpreadMaximum(), nn.BatchNorm1d(inputs, affine=False)]
    for _ in range(layers):
        stack += [nn.Dropout(dropout), nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU()]
        inputs = hidden
    return AnyLength(*stack, nn.Dropout(dropout), nn.Linear(inputs, classes))


class MeanSpreadMaximum(nn.Module):
    """[B, bands, frames] to [B, 3 * bands]: mean, standard deviation and maximum of every band over a clip's frames."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs.mean(-1), inputs.std(-1, correction=0), inputs.amax(-1)], dim=1)

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        own = torch.arange(inputs.shape[-1], device=inputs.device) < lengths[:, None]
        frames = lengths[:, None]
        mean = zero_past_end(inputs, lengths).sum(-1) / frames
        squares = zero_past_end((inputs - mean[..., None]).square(), lengths).sum(-1) / frames
        greatest = inputs.masked_fill(~own[:, None], float("-inf")).amax(-1)
        return torch.cat([mean, squares.sqrt(), greatest], dim=1), torch.ones_like(lengths)

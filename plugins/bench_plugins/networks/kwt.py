"""The layers of the model `kwt`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.networks.shapes import as_sequence, image_shape

WIDTH = 64
"""Values of a token for each of its attentions."""
LAYERS = 12
POSITIONS_SPREAD = 0.02
"""Standard deviation of the class token and the positions before training."""


def build(shape: tuple[int, ...], classes: int, *, size: int, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, frames = image_shape(shape, model="kwt")
    width = WIDTH * size
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(
            width, size, dim_feedforward=4 * width, dropout=dropout, activation="gelu", batch_first=True
        ),
        LAYERS,
        enable_nested_tensor=False,
    )
    classifier = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
    return nn.Sequential(as_sequence(shape), Tokens(channels * bands, frames, width), encoder, FirstToken(), classifier)


class Tokens(nn.Module):
    """[B, bands, frames] to [B, 1 + frames, width]: a token for the class and one a frame, each with its position."""

    def __init__(self, bands: int, frames: int, width: int) -> None:
        super().__init__()
        self.of_frame = nn.Linear(bands, width)
        self.of_class = nn.Parameter(POSITIONS_SPREAD * torch.randn(1, 1, width))
        self.positions = nn.Parameter(POSITIONS_SPREAD * torch.randn(1, 1 + frames, width))

    def forward(self, inputs: Tensor) -> Tensor:
        frames = self.of_frame(inputs.transpose(1, 2))
        return torch.cat([self.of_class.expand(len(frames), -1, -1), frames], dim=1) + self.positions


class FirstToken(nn.Module):
    """[B, tokens, width] to [B, width]: what the encoder made of the token for the class."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]

"""The harness's tc-resnet as a model of autrainer: both train the very same network. Imported in autrainer's environment."""

from __future__ import annotations

import torch
from autrainer.models import AbstractModel

from bench_plugins.models import TcResNet


class SameNetwork(AbstractModel):
    """tc-resnet with its defaults. `features` [B, 1, frames, bands], as autrainer's log-mel spectrograms stand."""

    def __init__(self, output_dim: int, bands: int, frames: int) -> None:
        super().__init__(output_dim, None)
        self.bands = bands
        self.frames = frames
        self.network = TcResNet().build((bands, frames), output_dim)

    def embeddings(self, features: torch.Tensor) -> torch.Tensor:
        return self.forward(features)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.network(features[:, 0].transpose(1, 2))
        return answer

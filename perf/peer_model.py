"""Wraps the harness's tc-resnet as a model of autrainer, in whose environment this module is imported."""

from __future__ import annotations

import torch
from autrainer.models import AbstractModel

from bench_plugins.models import TcResNet


class SameNetwork(AbstractModel):
    """tc-resnet with its defaults, for autrainer's log-mel spectrograms, [batch, 1, frames, bands]."""

    def __init__(self, output_dim: int, bands: int, frames: int) -> None:
        super().__init__(output_dim, None)
        self.bands = bands
        self.frames = frames
        self.network = TcResNet().build((bands, frames), output_dim)

    def embeddings(self, features: torch.Tensor) -> torch.Tensor:
        return self.forward(features)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(features[:, 0].transpose(1, 2))
        return logits

"""The residual block."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.networks.lengths import through


class Residual(nn.Module):
    """Layers beside a shortcut that gives the same shape; their sum, rectified. He et al., 2016 (arXiv:1512.03385)."""

    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.main(inputs) + self.shortcut(inputs))

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        main, after = through(self.main, inputs, lengths)
        return torch.relu(main + through(self.shortcut, inputs, lengths)[0]), after

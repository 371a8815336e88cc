"""The residual block."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_plugins.networks.lengths import through


class Residual(nn.Module):
    """Layers beside a shortcut that gives the same shape; their sum, rectified. He et al., 2016 (arXiv:1512.03385).

    Of the rectified sum the share `dropout` is dropped in training.
    """

    def __init__(self, main: nn.Module, shortcut: nn.Module, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut
        self.dropout = dropout

    def forward(self, inputs: Tensor) -> Tensor:
        return self._joined(self.main(inputs), self.shortcut(inputs))

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        main, after = through(self.main, inputs, lengths)
        return self._joined(main, through(self.shortcut, inputs, lengths)[0]), after

    def _joined(self, main: Tensor, shortcut: Tensor) -> Tensor:
        return functional.dropout(torch.relu(main + shortcut), self.dropout, self.training)

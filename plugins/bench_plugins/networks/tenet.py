"""The layers of the model `tenet`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, windows, zero_past_end
from bench_plugins.networks.residual import Residual
from bench_plugins.networks.shapes import as_sequence, image_shape

CHANNELS = 32
WIDTH = 3 * CHANNELS
"""Channels inside a bottleneck."""
STAGES = 3
KERNEL = 9
BRANCHES = (3, 5, 7, 9)


def build(shape: tuple[int, ...], classes: int, *, layers: int, branches: bool, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    images, bands, _frames = image_shape(shape, model="tenet")
    stem = (nn.Conv1d(images * bands, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm1d(CHANNELS), nn.ReLU())
    blocks = [
        _bottleneck(stride=2 if layer == 0 else 1, branches=branches) for _ in range(STAGES) for layer in range(layers)
    ]
    pooled = (nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(dropout))
    return he_(AnyLength(as_sequence(shape), *stem, *blocks, *pooled, nn.Linear(CHANNELS, classes)))


def _bottleneck(*, stride: int, branches: bool) -> Residual:
    """1x1 to three times as many channels, a convolution of each by itself, and back."""
    each = BranchedConv1d(WIDTH, stride=stride) if branches else _each(KERNEL, stride)
    main = nn.Sequential(
        *(nn.Conv1d(CHANNELS, WIDTH, 1, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU()),
        *(each, nn.BatchNorm1d(WIDTH), nn.ReLU()),
        *(nn.Conv1d(WIDTH, CHANNELS, 1, bias=False), nn.BatchNorm1d(CHANNELS)),
    )
    if stride == 1:
        return Residual(main, nn.Identity())
    shortcut = nn.Conv1d(CHANNELS, CHANNELS, 1, stride=stride, bias=False)
    return Residual(main, nn.Sequential(shortcut, nn.BatchNorm1d(CHANNELS)))


def _each(kernel: int, stride: int) -> nn.Conv1d:
    return nn.Conv1d(WIDTH, WIDTH, kernel, stride=stride, padding=kernel // 2, groups=WIDTH, bias=False)


class BranchedConv1d(nn.Module):
    """Convolutions of every channel by itself over 3, 5, 7 and 9 frames, whose sum is one over 9 frames with the sum of
    their weights: training moves four sets of weights, and a step costs what one does."""

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.branches = nn.ModuleList(_each(kernel, stride) for kernel in BRANCHES)
        self.channels = channels

    def forward(self, inputs: Tensor) -> Tensor:
        weights = [
            functional.pad(branch.weight, ((KERNEL - kernel) // 2,) * 2)
            for kernel, branch in zip(BRANCHES, self.branches, strict=True)
        ]
        summed = torch.stack(weights).sum(dim=0)
        return functional.conv1d(inputs, summed, stride=self.stride, padding=KERNEL // 2, groups=self.channels)

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self(zero_past_end(inputs, lengths)), windows(_each_like(self), lengths)


def _each_like(layer: BranchedConv1d) -> nn.Conv1d:
    """The branch that is as wide as the sum of all."""
    last = layer.branches[-1]
    assert isinstance(last, nn.Conv1d)
    return last

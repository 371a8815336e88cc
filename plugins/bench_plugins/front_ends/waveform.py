"""The module of the feature `waveform`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from bench_plugins.front_ends.scaling import standardise

if TYPE_CHECKING:
    from bench_plugins.features.waveform import Waveform


class Samples(nn.Module):
    """Waveforms [B, samples] to [B, samples]."""

    def __init__(self, config: Waveform) -> None:
        super().__init__()
        self.config = config

    def forward(self, waveforms: Tensor) -> Tensor:
        return standardise(waveforms, self.config.normalise)

"""The samples themselves."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from torch import Tensor, nn

from bench.plugins import Choice, Feature
from bench_plugins.features.scaling import standardise


class Waveform(Feature):
    """The raw waveform, [samples]. For networks that learn their own filters."""

    name: ClassVar[str] = "waveform"
    normalise: Annotated[Literal["none", "clip"], Choice("none", "clip")] = "clip"
    """clip: every clip to mean 0 and variance 1; none: samples as decoded, -1 to 1."""

    def build(self) -> nn.Module:
        return _Waveform(self.normalise)

    def shape(self, samples: int) -> tuple[int, ...]:
        return (samples,)


class _Waveform(nn.Module):
    def __init__(self, normalise: Literal["none", "clip"]) -> None:
        super().__init__()
        self.normalise: Literal["none", "clip"] = normalise

    def forward(self, waveforms: Tensor) -> Tensor:
        """[B, samples] to [B, samples]."""
        return standardise(waveforms, self.normalise)

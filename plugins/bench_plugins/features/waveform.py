"""The samples themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from bench.plugins import Choice, Feature

if TYPE_CHECKING:
    from torch import nn


class Waveform(Feature):
    """The raw waveform, [samples]. For networks that learn their own filters."""

    name: ClassVar[str] = "waveform"
    normalise: Annotated[Literal["none", "clip"], Choice("none", "clip")] = "clip"
    """clip: every clip to mean 0 and variance 1; none: samples as decoded, -1 to 1."""

    def build(self) -> nn.Module:
        from bench_plugins.front_ends.waveform import Samples

        return Samples(normalise=self.normalise)

    def shape(self, samples: int) -> tuple[int, ...]:
        return (samples,)

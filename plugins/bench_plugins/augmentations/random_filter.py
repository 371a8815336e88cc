"""A random filter for every clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, Int, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class RandomFilter(Augmentation):
    """Every clip goes through a filter of random gains, as through another microphone or room.

    After FilterAugment (Nam et al., ICASSP 2022, arXiv:2110.03282), on the waveform, so that it serves every feature: gains
    are drawn at points evenly over the frequencies, and run straight in between, in dB.
    """

    name: ClassVar[str] = "random-filter"
    gain: Annotated[float, Choice(3.0, 6.0, 12.0), Field(ge=0, le=60)] = 6.0
    """Decibels by which a frequency is made louder or softer at most."""
    points: Annotated[int, Int(3, 8), Field(ge=2, le=128)] = 5
    """Number of frequencies at which gains are drawn."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.random_filter import filtered

        return filtered(batch, self.gain, self.points, draws)

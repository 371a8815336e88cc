"""Reverberation of random rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class Reverberation(Augmentation):
    """Every clip is played in a room of its own: an impulse response of exponentially decaying noise (Moorer, 1979).

    Reverberation time and the level of the reverberation are drawn for each clip, which stays as loud as it was.
    """

    name: ClassVar[str] = "reverberation"
    longest: Annotated[float, Choice(0.2, 0.4, 0.8), Field(ge=0.05, le=5)] = 0.4
    """Longest reverberation time, in seconds, after which the sound has fallen by 60 dB; 0.05 is the shortest."""
    driest: Annotated[float, Field(ge=0, le=60)] = 20.0
    """Highest ratio of direct to reverberated sound, in dB; it is drawn from 0."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.reverberation import reverberated

        return reverberated(batch, self.longest, self.driest, draws)

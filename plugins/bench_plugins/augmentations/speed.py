"""Speed perturbation: clips are played faster or slower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class Speed(Augmentation):
    """Clips are played faster or slower, which changes tempo, pitch and formants as another speaker's vocal tract would.

    Ko et al., Audio augmentation for speech recognition, Interspeech 2015. Clips keep their length: faster ones get zeros at
    their end, and slower ones are cut there.
    """

    name: ClassVar[str] = "speed"
    slowest: Annotated[float, Choice(0.8, 0.9), Field(ge=0.5, le=1)] = 0.8
    """Least factor of the speed."""
    fastest: Annotated[float, Choice(1.1, 1.25), Field(ge=1, le=2)] = 1.25
    """Greatest factor of the speed."""
    groups: Annotated[int, Field(ge=1, le=64)] = 8
    """Parts of a batch, each of which gets a factor of its own."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.speed import at_speeds

        return at_speeds(batch, (self.slowest, self.fastest), self.groups, draws)

"""Other clips of the batch as noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class OtherClips(Augmentation):
    """Another clip of the batch is mixed in as noise, as where several voices speak; the target stays that of the clip."""

    name: ClassVar[str] = "other-clips"
    snr: Annotated[float, Choice(5.0, 10.0, 20.0), Field(ge=-20, le=100)] = 10.0
    """Lowest signal-to-noise ratio, in dB; it is drawn for each clip up to 20 dB above."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.other_clips import over_others

        return over_others(batch, self.snr, draws)

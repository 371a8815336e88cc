"""Stretches of time that are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, Int, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class TimeMasks(Augmentation):
    """Stretches of frames are set to the clip's mean, the first and the last frame as often as SpecAugment means it.

    Park et al., 2019, arXiv:1904.08779. Unlike the setting `time_mask`, a stretch may end with the last frame and is never
    longer than its share.
    """

    name: ClassVar[str] = "time-masks"
    on: ClassVar = "features"
    stretches: Annotated[int, Int(1, 3), Field(ge=1, le=64)] = 1
    """Number of stretches."""
    share: Annotated[float, Choice(0.1, 0.2, 0.3), Field(ge=0, le=1)] = 0.2
    """Share of the frames that all stretches mask together at most."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.masking import time_masked

        return time_masked(batch, self.stretches, self.share, draws)

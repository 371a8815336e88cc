"""Rectangles that are cut out of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, Int, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class CutOut(Augmentation):
    """Rectangles of features are set to the clip's mean (DeVries and Taylor, 2017, arXiv:1708.04552)."""

    name: ClassVar[str] = "cut-out"
    on: ClassVar = "features"
    rectangles: Annotated[int, Int(1, 4), Field(ge=1, le=64)] = 2
    """Number of rectangles."""
    share: Annotated[float, Choice(0.2, 0.4), Field(ge=0, le=1)] = 0.4
    """Longest side of a rectangle, as a share of the bands and of the frames."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.masking import cut_out

        return cut_out(batch, self.rectangles, self.share, draws)

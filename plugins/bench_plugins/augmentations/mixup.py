"""Mixup: every clip is mixed with another one, and so are their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Float, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class Mixup(Augmentation):
    """Every input is mixed with that of another clip, and so are their targets (Zhang et al., 2018, arXiv:1710.09412)."""

    name: ClassVar[str] = "mixup"
    on: ClassVar = "inputs"
    alpha: Annotated[float, Float(0.1, 1.0), Field(gt=0, le=100)] = 0.2
    """Both parameters of the beta distribution of a clip's share: small ones leave most clips nearly alone."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        from bench_plugins.batch_changes.mixup import mixed

        return mixed(batch, self.alpha, draws)

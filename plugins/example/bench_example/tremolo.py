"""A small augmentation: loudness that swells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Augmentation, Choice, Float, TrainingBatch

if TYPE_CHECKING:
    from torch import Generator


class Tremolo(Augmentation):
    """The loudness of every clip swells up and down, at a rate and from a phase that are drawn for each."""

    name: ClassVar[str] = "tremolo"
    depth: Annotated[float, Float(0.1, 0.6), Field(ge=0, le=1)] = 0.3
    """Share of the amplitude that is taken away at most."""
    fastest: Annotated[float, Choice(8.0, 16.0), Field(gt=0)] = 8.0
    """Highest rate in Hz; it is drawn from 0."""

    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        # Imported here, and with it torch: commands that train nothing do not wait for it.
        import torch

        rate, phase = batch.uniform(draws, high=self.fastest), batch.uniform(draws)
        seconds = torch.arange(batch.inputs.shape[1], device=batch.inputs.device) / batch.sample_rate
        swell = (1 + torch.sin(2 * torch.pi * (rate[:, None] * seconds + phase[:, None]))) / 2
        return replace(batch, inputs=batch.inputs * (1 - self.depth * swell))

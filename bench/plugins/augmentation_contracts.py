"""The contract of an augmentation: a random change to the batches of a training."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.plugins.contracts import Plugin

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class TrainingBatch:
    """A batch on its way to the network. An augmentation returns another one, by `dataclasses.replace`.

    Attributes:
        inputs: Waveforms, float32 [B, samples], or features, float32 [B, ..., bands, frames], on the device.
        targets: Soft targets, the share of every class, float32 [B, classes] on the device, rows summing to 1.
        sample_rate: Rate of the waveforms in Hz.
        frames: Of features of clips that keep their lengths, how many of the last frames are the clip's own, int64 [B];
            zeros stand before them. None if all are.
    """

    inputs: Tensor
    targets: Tensor
    sample_rate: int
    frames: Tensor | None = None

    def uniform(self, draws: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draws evenly from low to high, float32 of this shape, [B] if none is given, on the device of the inputs.

        Numbers are drawn on the CPU, so that the same seed makes the same draws on every device.
        """
        import torch

        drawn = torch.rand(shape or (len(self.inputs),), generator=draws)
        return (low + (high - low) * drawn).to(self.inputs.device, non_blocking=True)

    def normal(self, draws: Generator, *shape: int) -> Tensor:
        """Draws from the normal distribution, as `uniform`."""
        import torch

        drawn = torch.randn(shape or (len(self.inputs),), generator=draws)
        return drawn.to(self.inputs.device, non_blocking=True)

    def permutation(self, draws: Generator) -> Tensor:
        """Draws an order of the clips, int64 [B] on the device of the inputs."""
        import torch

        return torch.randperm(len(self.inputs), generator=draws).to(self.inputs.device, non_blocking=True)


class Augmentation(Plugin):
    """A random change to whole batches in training, which evaluation never makes. Its fields say how strong it is.

    Its name, options and code are part of a row's name.
    """

    on: ClassVar[Literal["waveforms", "features", "inputs"]] = "waveforms"
    """What it changes: waveforms [B, samples]; features [B, ..., bands, frames], so that it does nothing where the feature
    is the waveform; or the network's inputs, whatever they are. Features are computed anew in every epoch if one changes
    waveforms, and otherwise once."""

    @abstractmethod
    def apply(self, batch: TrainingBatch, draws: Generator) -> TrainingBatch:
        """Makes the change to a whole batch at once.

        Args:
            batch: What is changed, which stays as it is: the change is made to a copy.
            draws: CPU generator that everything random is drawn from, best by `batch.uniform(draws)`.

        Returns:
            The changed batch: inputs and targets of the same shapes, types and device.
        """

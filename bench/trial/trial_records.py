"""What a trial is asked and what it answers, as frozen records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.evaluation.metrics import Objective, Scores
from bench.evaluation.predictions import Predictions
from bench.plugins import PluginConfig, TrainingSettings

Status = Literal["complete", "pruned", "infeasible", "out-of-memory", "diverged", "timed-out", "failed", "lost"]
"""How a trial ended. All but `lost` (its worker died) count towards the number of trials asked for."""


class TrialSpec(BaseModel):
    """Everything that determines a trial's numbers, given the same machine, thread count and versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dataset: PluginConfig
    revision: str
    """Of the data set's content, see PreparedData."""
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    objective: Objective = "accuracy"
    """What the best epoch is chosen by, on the validation split."""
    seed: int

    def digest(self) -> str:
        """12 hex digits of the specification's canonical JSON."""
        return _digest(self._identity())

    def configuration(self) -> str:
        """12 hex digits of all but the seed: equal for runs that differ by their seed alone."""
        return _digest({name: value for name, value in self._identity().items() if name != "seed"})

    def _identity(self) -> dict[str, Any]:
        return {**self.model_dump(mode="json"), "training": self.training.identity()}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


class Epoch(BaseModel):
    """What one pass over the training clips gave."""

    model_config = ConfigDict(frozen=True)
    number: int
    """From 1."""
    learning_rate: float
    """At the end of the epoch."""
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_balanced_accuracy: float
    seconds: float


class RangeTest(BaseModel):
    """A learning-rate range test (Smith, 2017, arXiv:1506.01186): the loss while the learning rate rises step by step."""

    model_config = ConfigDict(frozen=True)
    rates: tuple[float, ...]
    """Learning rate of every step, rising."""
    losses: tuple[float, ...]
    """Training loss of every step, smoothed, in nats."""
    suggestion: float


class Hardware(BaseModel):
    """What a trial ran on."""

    model_config = ConfigDict(frozen=True)
    device: str
    """`cpu`, or `cuda` with the card's name."""
    threads: int
    """Of torch on the CPU; another count gives other weights for the same seed."""
    system: str
    """Operating system and processor family."""
    versions: dict[str, str]
    """python, torch, bench and the plugin packages."""
    compiled: bool = Field(default=False, exclude_if=lambda compiled: not compiled)
    """Whether the steps of training ran as code that torch.compile generated; it may round otherwise. Written only where
    it is so, which leaves rows of before as they were published."""


class TrialResult(BaseModel):
    """How a trial ended and what it measured. Predictions stand beside it, in arrays."""

    model_config = ConfigDict(frozen=True)
    schema_version: int = 1
    status: Status
    reason: str = ""
    """One line: why it was pruned or failed."""
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    """Number of the epoch whose weights gave the predictions."""
    validation: Scores | None = None
    test: Scores | None = None
    """Of finals alone; None in every trial of a search."""
    validation_segments: Scores | None = None
    """Of the segments, each on its own, where clips are decided by their segments."""
    test_segments: Scores | None = None
    range_test: RangeTest | None = None
    """Where the learning rate was found by one."""
    parameters: int | None = None
    train_seconds: float = 0.0
    """Wall time of all epochs, features included, start-up not."""
    latency_ms: float | None = None
    """Time for one clip from waveform to logits, median, batch of one."""
    peak_memory_mb: float | None = None
    hardware: Hardware | None = None
    traceback: str = ""


@dataclass(frozen=True)
class TrialOutcome:
    """A result with its arrays: what a worker sends back."""

    result: TrialResult
    validation: Predictions | None = None
    test: Predictions | None = None
    weights: bytes | None = None
    """state_dict of the best epoch as torch.save wrote it; of finals alone. Read with weights_only=True."""


OnEpoch = Callable[[Epoch], bool]
"""Called after every epoch; False stops the trial, which is then `pruned`."""

"""A trial's specification and its result, as frozen records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.evaluation.metrics import Objective, Scores
from bench.evaluation.predictions import Predictions
from bench.plugins import PluginConfig, TrainingSettings
from bench.plugins.plugin_config import parse_chain

Status = Literal["complete", "pruned", "infeasible", "out-of-memory", "diverged", "timed-out", "failed", "lost"]
"""How a trial ended. All but `lost` (its worker died) count towards the number of trials asked for."""


PluginKind = Literal["feature", "model"]
"""The plugins that a trained network consists of."""


class TimedOut(Exception):
    """Raised inside a trial, by its worker, when its time limit has passed."""


class TrialSpec(BaseModel):
    """Everything that determines a trial's numbers, given the same machine, number of threads and versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dataset: PluginConfig
    revision: str
    """Digest of the data set's clips, see PreparedData."""
    protocol: str = "official"
    """How the clips are divided, see `RunOptions.protocol`."""
    fold: str = ""
    """Name of the outer fold, see PreparedData; empty if there is only one."""
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    code: dict[str, str] = {}
    """Digest of the code of every plugin of `training_plugins`, see `bench.plugins.source_code`; empty for what is never
    stored."""
    objective: Objective = "accuracy"
    """Score by which the best epoch is chosen, on the validation split."""
    seed: int

    def digest(self) -> str:
        """12 hex digits over the specification."""
        return _digest(self)

    def configuration(self) -> str:
        """12 hex digits over all but seed and fold: equal for runs that differ by these alone. It names a row."""
        return _digest(self, without={"seed", "fold"})

    def plugins(self) -> dict[PluginKind, str]:
        """Names of its feature and its model."""
        return {"feature": self.feature.name, "model": self.model.name}

    def training_plugins(self) -> dict[str, tuple[str, str]]:
        """Kind and name of every plugin whose code its numbers depend on, by their key in `code`; the code of a data set is
        covered by the revision of its clips."""
        augmentations = (config.name for config in parse_chain(self.training.augmentations))
        network: dict[str, tuple[str, str]] = {kind: (kind, name) for kind, name in self.plugins().items()}
        return network | {f"augmentation {name}": ("augmentation", name) for name in augmentations}


def _digest(spec: TrialSpec, *, without: set[str] | None = None) -> str:
    canonical = json.dumps(spec.model_dump(mode="json", exclude=without), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


MODEL_SCHEMA_VERSION: Final = 1


class ModelRecord(BaseModel):
    """What a trained network needs beside its weights to be used anywhere, given its plugins; stored as `model.json`."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[1] = MODEL_SCHEMA_VERSION
    labels: tuple[str, ...]
    """Class names, in the order of the network's outputs."""
    seconds: float
    """Clip length, to which shorter clips are padded with zeros at their end."""
    sample_rate: int
    """Sample rate of the waveforms that the front end is given, in Hz."""
    samples: int
    """Samples that the network is given at most: of a clip, or of a segment of one."""
    source: str = ""
    """Where the data set is from, in one line."""
    licence: str = ""
    """Licence of the data set by its SPDX identifier, as `CC-BY-4.0`; empty if unknown."""
    spec: TrialSpec
    """Feature, model and training settings, and the code of the plugins."""
    versions: dict[str, str]
    """Versions of python, torch, bench and the packages that bring plugins."""


class Epoch(BaseModel):
    """Losses and scores of one pass over the training clips and of the validation split after it."""

    model_config = ConfigDict(frozen=True)
    number: int
    """Counted from 1."""
    learning_rate: float
    """Learning rate of the epoch's first step."""
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_balanced_accuracy: float
    seconds: float

    def validation_score(self, objective: Objective) -> float:
        """The score on the validation split that a study maximises."""
        return self.validation_accuracy if objective == "accuracy" else self.validation_balanced_accuracy


class RangeTest(BaseModel):
    """A learning-rate range test (Smith, 2017, arXiv:1506.01186): the loss while the learning rate rises step by step."""

    model_config = ConfigDict(frozen=True)
    rates: tuple[float, ...]
    """Learning rate of every step, rising."""
    losses: tuple[float, ...]
    """Training loss of every step, smoothed, in nats."""
    suggestion: float


class Hardware(BaseModel):
    """The machine that a trial ran on, and its versions."""

    model_config = ConfigDict(frozen=True)
    device: str
    """`cpu`, or `cuda` with the GPU's name."""
    threads: int
    """Number of torch's threads on the CPU; another number gives other weights for the same seed."""
    system: str
    """Operating system and processor family."""
    versions: dict[str, str]
    """Versions of python, torch, bench and the packages that bring plugins."""
    compiled: bool = False
    """Whether the steps of training ran as code that torch.compile generated, which may round otherwise."""


class MachineLoad(BaseModel):
    """Load averages of the machine over a minute (getloadavg), by which its times are to be read."""

    model_config = ConfigDict(frozen=True)
    start: float
    """Processes that ran or waited when the trial began."""
    end: float
    cores: int
    """Number of the machine's cores."""

    @property
    def heavy(self) -> bool:
        """Whether there was more to do than there are cores, so that times are longer than on an idle machine."""
        return max(self.start, self.end) > self.cores


class TrialResult(BaseModel):
    """How a trial ended and what it measured. Its predictions are arrays of a `TrialOutcome`."""

    model_config = ConfigDict(frozen=True)
    schema_version: int = 1
    status: Status
    reason: str = ""
    """One line that says why it was pruned or failed; empty for a complete trial."""
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    """Number of the epoch whose weights gave the predictions."""
    validation: Scores | None = None
    """Scores over the validation clips: all of them of finals, and of a search's trials those that are computed after every
    epoch. Reports compute all from the stored predictions."""
    test: Scores | None = None
    """Scores over the test clips, of finals alone; None in every trial of a search."""
    validation_segments: Scores | None = None
    """Scores over the segments, each on its own, if clips are cut into segments."""
    test_segments: Scores | None = None
    range_test: RangeTest | None = None
    """The test that found the learning rate, if one did."""
    parameters: int | None = None
    train_seconds: float = 0.0
    """Wall time of all epochs in seconds, with their features, without start-up."""
    latency_ms: float | None = None
    """Median time of several passes of one clip of silence from waveform to logits, in a batch of one, in ms, in the
    worker with its threads right after training."""
    peak_memory_mb: float | None = None
    hardware: Hardware | None = None
    load: MachineLoad | None = None
    """Load of the machine at the start and at the end; None where the system does not tell."""
    traceback: str = ""


@dataclass(frozen=True)
class TrialOutcome:
    """A result with its arrays, as a worker sends it back."""

    result: TrialResult
    validation: Predictions | None = None
    test: Predictions | None = None
    robustness: Mapping[str, Predictions] = field(default_factory=dict)
    """Predictions of the test clips under the conditions of `bench.trial.conditions`, of finals that were asked for them."""
    model: ModelRecord | None = None
    """What is stored beside the weights, of finals alone."""
    weights: bytes | None = None
    """State of the best epoch's network as a file of safetensors, of finals alone."""

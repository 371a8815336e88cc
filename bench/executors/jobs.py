"""What the head and an executor say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.data.prepared import PreparedData
from bench.trial import Epoch, TrialOutcome, TrialSpec


@dataclass(frozen=True)
class Job:
    """One trial to run. A search's `data` has its test split out of reach."""

    name: str
    """The run's name in its study, unique among running jobs."""
    spec: TrialSpec
    data: PreparedData
    test: bool = False
    """Whether the test split is evaluated at the end: for finals and reproductions alone."""
    budget: float | None = None
    """Seconds of training that the trial may take: one that is going to take longer is ended as soon as that is clear."""
    compile: bool = False
    """Whether the network's steps run as code that torch.compile generates."""


@dataclass(frozen=True)
class EpochDone:
    """A job has finished an epoch."""

    job: Job
    epoch: Epoch


@dataclass(frozen=True)
class Finished:
    """A job has ended, well or not."""

    job: Job
    outcome: TrialOutcome


@dataclass(frozen=True)
class Lost:
    """The job's worker died. Its place has been filled again; the job may be submitted once more."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Notice:
    """Something about the workers that a person wants to know, in one line."""

    text: str


Event = EpochDone | Finished | Lost | Notice


class Executor(Protocol):
    """Runs jobs in parallel."""

    @property
    def free(self) -> int:
        """How many more jobs can be submitted now."""
        ...

    def submit(self, job: Job) -> None:
        """Starts a job on a free worker."""
        ...

    def stop(self, job: Job) -> None:
        """Asks a running job to stop after its current epoch; it then ends as `pruned`."""
        ...

    def events(self, timeout: float) -> list[Event]:
        """What happened since the last call, waiting up to `timeout` seconds for something to happen.

        Raises BenchError where workers cannot be started, and where the decoded audio has gone.
        """
        ...

    def close(self, *, now: bool = False) -> None:
        """Ends all workers: at once, or as soon as they are idle."""
        ...

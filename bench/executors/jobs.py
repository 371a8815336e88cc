"""What a scheduler and an executor say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.data.prepared import PreparedData
from bench.options import RunOptions
from bench.plugins.registry import Registry
from bench.trial import Epoch, TrialOutcome, TrialSpec


@dataclass(frozen=True)
class Job:
    """One trial to run. The `data` of a search's job has its test split out of reach."""

    name: str
    """Name of the run in its study, unique among running jobs."""
    spec: TrialSpec
    data: PreparedData
    options: RunOptions = field(default_factory=RunOptions)
    """Options of the study, some of which limit or change how a trial runs."""
    test: bool = False
    """Whether the test split is evaluated at the end, which finals and reproductions alone do."""


@dataclass(frozen=True)
class ExecutorSettings:
    """What an executor is started with.

    Attributes:
        workers: Number of jobs that run at the same time.
        device: Device that trains, `cpu` or `cuda`.
        log_folder: Folder for what workers print; it may not exist yet.
        registry: Plugins that jobs name; workers need the same, see `Registry.portable`.
        options: Options of the study: threads, time limits, what a trial reserves.
    """

    workers: int
    device: str
    log_folder: Path
    registry: Registry
    options: RunOptions


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
    """The worker of a job died. Another one takes its slot, and the job may be submitted once more."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Notice:
    """One human-readable line about the workers."""

    text: str


Event = EpochDone | Finished | Lost | Notice


class Executor(Protocol):
    """Runs jobs, several at the same time if it has several slots."""

    in_process: bool
    """Whether jobs run in this process, which is then to start no others."""

    @property
    def free(self) -> int:
        """Number of further jobs that can be submitted now."""
        ...

    def submit(self, job: Job) -> None:
        """Starts a job in a free slot."""
        ...

    def stop(self, job: Job) -> None:
        """Asks a running job to stop after its current epoch; it then ends as `pruned`."""
        ...

    def events(self, timeout: float) -> list[Event]:
        """Returns what has happened since the last call, waiting up to `timeout` seconds for something to happen.

        Raises:
            BenchError: If workers cannot be started, or the decoded audio is gone. The next call returns what had happened
                before that.
        """
        ...

    def close(self, *, now: bool = False) -> None:
        """Ends all workers: at once, or as soon as they are idle."""
        ...

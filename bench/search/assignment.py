"""What a scheduler is given to do: runs with their places in a study, and where these come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.executors.jobs import Job
from bench.results.study_records import RunKind, RunRecord
from bench.trial import Epoch


@dataclass(frozen=True)
class Assignment:
    """A job, and which run of its study it is."""

    job: Job
    kind: RunKind
    number: int
    repeat: int = 0
    origin: str = ""
    """What proposed it, see `RunRecord.origin`."""


class Source(Protocol):
    """Where runs come from: a search, the finals of a study, or a reproduction."""

    def next(self) -> Assignment | None:
        """Returns the next run; None while, and since, there is none to hand out."""
        ...

    def epoch(self, assignment: Assignment, epoch: Epoch) -> bool:
        """Takes note of an epoch, and returns whether the run goes on."""
        ...

    def ended(self, assignment: Assignment, run: RunRecord) -> None:
        """Takes note of a run, which is saved already.

        Raises:
            BenchError: If going on makes no sense.
        """
        ...

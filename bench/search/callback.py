"""What follows a study as it runs: the progress in a terminal, for one."""

from __future__ import annotations

from typing import Self

from bench.results.study_records import RunRecord
from bench.trial import Epoch, TrialSpec


class StudyCallback:
    """Is told of everything that happens, in the order in which it happens. Override the methods of interest."""

    def __enter__(self) -> Self:
        """Begins to follow; a display comes up."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ceases to follow; a display goes away."""

    def warning(self, line: str) -> None:
        """Something is not as the user may think."""

    def note(self, line: str) -> None:
        """Something happened that the user should know."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Something that runs need is being made, and `done` of `total` of it are there."""

    def phase(self, name: str, *, done: int, total: int) -> None:
        """A phase begins, `trials`, `finals` or `runs` (of a reproduction); `done` of its `total` runs are done already."""

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        """A run was given to a worker."""

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        """A run has finished an epoch."""

    def ended(self, run: RunRecord) -> None:
        """A run has ended and is saved."""

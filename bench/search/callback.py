"""Whoever follows a study as it runs: the terminal's progress, for one."""

from __future__ import annotations

from typing import Protocol

from bench.results.study_records import RunRecord
from bench.trial import Epoch, TrialSpec


class StudyCallback(Protocol):
    """Told of everything that happens, in the order in which it happens."""

    def phase(self, name: str, *, done: int, total: int) -> None:
        """A phase begins: `trials` or `finals`, with so many of its runs done already."""

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        """A run was given to a worker."""

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        """A run has finished an epoch."""

    def ended(self, run: RunRecord) -> None:
        """A run has ended and is kept."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Something that a run needs is being made: so much of it is done."""

    def note(self, line: str) -> None:
        """Something a person should know."""

"""Deferred tracking: what goes to MLflow is written when nothing else is to be done, and made up for if it was away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.errors import BenchError
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.assignment import Assignment
from bench.search.callback import StudyCallback
from bench.tracking.tracker import Tracker
from bench.trial import Epoch

BACKLOG = 1000
"""Number of writes that may be put off, so that a scheduler that never rests holds no more in memory."""
LOOK_SECONDS = 5.0
"""Time between two looks whether a tracking server is back."""
FLUSH_SECONDS = 60.0
"""Time that the end of a study waits for it."""


class DeferredTracking:
    """Puts off writes to MLflow.

    While a tracking server is away the study goes on without it: what it missed is logged anew from the results folder when
    it is back. A database in the results folder that takes no more stops the study.
    """

    def __init__(self, *, study: StudyFolder, tracker: Tracker, callback: StudyCallback) -> None:
        """Makes one that has put off nothing."""
        self._study = study
        self._tracker = tracker
        self._callback = callback
        self._put_off: deque[Callable[[], None]] = deque()
        """Writes that are put off, in order."""
        self._ids: dict[str, str] = {}
        """Ids of MLflow, by name, of the runs that it was told of and that have not ended."""
        self._missed: set[str] = set()
        """Names of the runs that MLflow has missed some of, which are logged whole when they have ended."""
        self._away: BenchError | None = None
        """Reason why the server has last taken nothing, until it does again."""
        self._next_look = 0.0

    @property
    def waiting(self) -> int:
        """Number of writes that are put off."""
        return len(self._put_off)

    def started(self, assignment: Assignment, moment: str) -> None:
        """A run was given to a worker at `moment` (ISO 8601)."""
        self._put_off.append(partial(self._start, assignment, moment))

    def epoch(self, name: str, epoch: Epoch) -> None:
        """A run has finished an epoch."""
        self._put_off.append(partial(self._point, name, epoch))

    def ended(self, run: RunRecord, folder: Path) -> None:
        """A run has ended and is saved in `folder`."""
        self._put_off.append(partial(self._end, run, folder))

    def write(self, *, but: int = 0) -> None:
        """Writes what was put off, the oldest first, all but the latest `but`. Raises BenchError if that cannot be."""
        while len(self._put_off) > max(but, 0):
            write = self._put_off.popleft()
            try:
                write()
            except BenchError:
                self._put_off.clear()  # each of them would fail in its turn
                raise
        if self._away is not None and time.monotonic() > self._next_look:
            self._catch_up()

    def finish(self, *, patience: float = FLUSH_SECONDS) -> None:
        """Writes all. Raises BenchError if the server stays away for more than `patience` seconds."""
        self.write()
        deadline = time.monotonic() + patience
        while self._away is not None:
            self._catch_up()
            if self._away is not None and time.monotonic() > deadline:
                raise self._away
            time.sleep(0.0 if self._away is None else 1.0)

    def _start(self, assignment: Assignment, moment: str) -> None:
        name = assignment.job.name

        def tell(tracker: Tracker) -> None:
            self._ids[name] = tracker.start_run(
                self._study.name,
                name,
                assignment.job.spec,
                kind=assignment.kind,
                number=assignment.number,
                repeat=assignment.repeat,
                origin=assignment.origin,
                started=moment,
            )

        self._tell(name, tell)

    def _point(self, name: str, epoch: Epoch) -> None:
        if name not in self._missed:
            self._tell(name, lambda tracker: tracker.log_epoch(self._ids[name], epoch))

    def _end(self, run: RunRecord, folder: Path) -> None:
        def tell(tracker: Tracker) -> None:
            if run.name in self._missed:
                tracker.log_finished_run(run, self._study)
            else:
                tracker.finish_run(self._ids[run.name], run, folder)

        self._tell(run.name, tell)
        self._ids.pop(run.name, None)

    def _tell(self, name: str, tell: Callable[[Tracker], None]) -> None:
        """Tells MLflow of a run, unless its server is away."""
        if self._away is None:
            try:
                tell(self._tracker)
                return
            except BenchError as error:
                if not self._tracker.remote:
                    raise
                self._away = error
                self._next_look = time.monotonic() + LOOK_SECONDS
                self._missed.update(self._ids)
                self._callback.note(
                    f"MLflow at {self._tracker.display_uri} is away: the study goes on, "
                    "and what it misses is logged when it is back"
                )
        self._missed.add(name)

    def _catch_up(self) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        if not self._tracker.is_reachable():
            return
        try:
            caught = self._tracker.catch_up(self._study, running=tuple(self._missed))
        except BenchError as error:
            self._away = error
            return
        self._away = None
        self._callback.note(f"MLflow is back: {len(caught.logged)} runs that it missed are logged")

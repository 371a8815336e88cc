"""What shows a study and decides nothing: MLflow and the reports. Written when nothing else is to be done, and made up for
where a tracking server was away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.callback import StudyCallback
from bench.tracking.tracker import Tracker
from bench.trial import Epoch

if TYPE_CHECKING:
    from bench.search.scheduler import Assignment

BACKLOG = 1000
"""Writes that may be put off, so that a head that never rests keeps no more in memory."""
LOOK_SECONDS = 5.0
"""Between two looks whether a tracking server is back."""
PATIENCE = 60.0
"""Seconds that the end of a study waits for it."""

Report = Callable[[StudyFolder, RunRecord], Sequence[Path]]
"""Writes the pages of a tested run and names them; handed in, since reporting reads what this room writes."""


class DeferredTracking:
    """Puts off what is to be shown. While a tracking server is away the study goes on without it: what it missed is logged
    anew from the results folder when it is back. A database in the results folder that takes no more stops the study."""

    def __init__(
        self, *, study: StudyFolder, tracker: Tracker, callback: StudyCallback, report: Report | None = None
    ) -> None:
        self._study = study
        self._tracker = tracker
        self._watcher = callback
        self._report = report
        self._put_off: deque[Callable[[], None]] = deque()
        """In order."""
        self._ids: dict[str, str] = {}
        """MLflow's, by name, of the runs that it was told of and that have not ended."""
        self._missed: set[str] = set()
        """Names of the runs that MLflow has not got all of: they are logged whole when they have ended."""
        self._away: BenchError | None = None
        """Why the server has last taken nothing, until it does again."""
        self._next_look = 0.0

    @property
    def waiting(self) -> int:
        """Writes that are put off."""
        return len(self._put_off)

    def started(self, assignment: Assignment, moment: str) -> None:
        """A run was given to a worker at `moment` (ISO 8601)."""
        self._put_off.append(partial(self._start, assignment, moment))

    def epoch(self, name: str, epoch: Epoch) -> None:
        """A run has finished an epoch."""
        self._put_off.append(partial(self._point, name, epoch))

    def ended(self, run: RunRecord, folder: Path) -> None:
        """A run has ended and is kept in `folder`."""
        self._put_off.append(partial(self._end, run, folder))

    def write(self, *, but: int = 0) -> None:
        """Writes what was put off, the oldest first, all but the latest `but`. Raises BenchError where that cannot be."""
        while len(self._put_off) > max(but, 0):
            write = self._put_off.popleft()
            try:
                write()
            except BenchError:
                self._put_off.clear()  # each of them would fail in its turn
                raise
        if self._away is not None and time.monotonic() > self._next_look:
            self._catch_up()

    def finish(self, *, patience: float = PATIENCE) -> None:
        """Writes all. Raises BenchError where the server stays away for more than `patience` seconds."""
        self.write()
        deadline = time.monotonic() + patience
        while self._away is not None:
            self._catch_up()
            if self._away is not None and time.monotonic() > deadline:
                raise self._away
            time.sleep(0.0 if self._away is None else 1.0)

    def _start(self, assignment: Assignment, moment: str) -> None:
        name = assignment.job.name

        def tell() -> None:
            self._ids[name] = self._tracker.start_run(
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
            self._tell(name, lambda: self._tracker.log_epoch(self._ids[name], epoch))

    def _end(self, run: RunRecord, folder: Path) -> None:
        pages = self._report(self._study, run) if self._report and run.result.test is not None else ()

        def tell() -> None:
            if run.name in self._missed:
                self._tracker.log_finished_run(run, self._study)
            else:
                self._tracker.finish_run(self._ids[run.name], run, folder, pages)

        self._tell(run.name, tell)
        self._ids.pop(run.name, None)

    def _tell(self, name: str, tell: Callable[[], None]) -> None:
        """Tells MLflow of a run, unless its server is away."""
        if self._away is None:
            try:
                tell()
                return
            except BenchError as error:
                if not self._tracker.remote:
                    raise
                self._away = error
                self._next_look = time.monotonic() + LOOK_SECONDS
                self._missed.update(self._ids)
                self._watcher.note(
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
        self._watcher.note(f"MLflow is back: {len(caught.logged)} runs that it missed are logged")

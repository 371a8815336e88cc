"""The head: hands runs to an executor, keeps what comes back, and tells those who follow. One loop for trials and finals.

A worker waits for what decides its next run alone: the results folder, and the source. What only shows a run (MLflow, its
report) is written when nothing else is to be done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from bench.data.copies import prepare_copies
from bench.errors import BenchError
from bench.executors.interface import EpochDone, Event, Executor, Finished, Job, Lost
from bench.plugins.registry import installed
from bench.results.records import Kind, RunRecord
from bench.results.store import Study
from bench.search.failures import ATTEMPTS
from bench.search.watcher import Watcher
from bench.tracking.tracker import Tracker
from bench.trial import Epoch, TrialOutcome, TrialResult


@dataclass(frozen=True)
class Assignment:
    """A job and its place in the study."""

    job: Job
    kind: Kind
    number: int
    repeat: int = 0
    origin: str = ""


class Source(Protocol):
    """Where runs come from: the search, or the list of finals."""

    def next(self) -> Assignment | None:
        """The next run, or None while (or since) there is none to hand out."""
        ...

    def epoch(self, assignment: Assignment, epoch: Epoch) -> bool:
        """Takes note of an epoch; False asks for the run to be stopped."""
        ...

    def ended(self, assignment: Assignment, run: RunRecord) -> None:
        """Takes note of a run that is kept already. Raises BenchError where the study should stop."""
        ...


@dataclass
class _Running:
    assignment: Assignment
    started: str
    mlflow_run: str = ""
    """Its id, as soon as MLflow has been told of it."""
    attempts: int = 1
    epochs: int = 0
    """That the source and MLflow were told of; a second attempt repeats them."""


BACKLOG = 1000
"""Writes that may be put off, so that a head that never rests keeps no more in memory."""

Report = Callable[[Study, RunRecord], Sequence[Path]]
"""Writes the pages of a tested run and names them; handed in, since reporting reads what this room writes."""


class Head:
    """Owns the executor, the results folder, MLflow and the watcher while a study runs."""

    def __init__(
        self, *, study: Study, executor: Executor, tracker: Tracker, watcher: Watcher, report: Report | None = None
    ) -> None:
        self._study = study
        self._executor = executor
        self._tracker = tracker
        self._watcher = watcher
        self._report = report
        self._running: dict[str, _Running] = {}
        self._again: list[Job] = []
        """Jobs whose worker died, until a worker is free."""
        self._put_off: deque[Callable[[], None]] = deque()
        """What is still to be shown, in order."""
        self.stopping = False
        """Set (by Ctrl-C) to finish what runs and hand out nothing more."""
        self._stop_said = False

    def run(self, source: Source) -> None:
        """Runs all that the source hands out; what has ended is kept before anything else happens.

        At its end all is shown; after a second Ctrl-C, or where MLflow takes no more, a resume shows what is missing.
        """
        try:
            self._run(source)
        except BenchError:
            with suppress(BenchError):  # the first says more
                self._show(but=0)
            raise
        self._show(but=0)

    def _run(self, source: Source) -> None:
        while True:
            while self._again and self._executor.free:
                self._executor.submit(self._again.pop(0))
            while self._executor.free and not self.stopping:
                assignment = source.next()
                if assignment is None:
                    if not self._running:
                        return
                    break
                self._start(assignment)
            if self.stopping and not self._stop_said:
                # Said here, since a signal handler that prints can interrupt a print.
                self._stop_said = True
                self._watcher.note("stopping: what runs is finished first (Ctrl-C again to stop now)")
            if self.stopping and not self._running:
                return
            events = self._executor.events(timeout=0.0 if self._put_off else 0.2)
            for event in events:
                self._handle(event, source)
            # One where nothing has happened, so that a worker that gets free waits for no more.
            self._show(but=BACKLOG if events else len(self._put_off) - 1)

    def _show(self, *, but: int) -> None:
        """Writes what was put off, the oldest first, all but the latest `but`."""
        while len(self._put_off) > max(but, 0):
            write = self._put_off.popleft()
            try:
                write()
            except BenchError:
                self._put_off.clear()  # each of them would wait for a server that is gone
                raise

    def _start(self, assignment: Assignment) -> None:
        job = assignment.job
        if job.spec.training.copies:  # workers read them, and never make them: two would make the same ones
            rate = installed().feature(job.spec.feature).sample_rate
            prepare_copies(job.data, job.spec.training, sample_rate=rate, progress=self._watcher.preparing)
        running = self._running[job.name] = _Running(assignment, started=_now())
        self._executor.submit(job)
        self._watcher.started(job.name, job.spec, assignment.origin)
        self._put_off.append(partial(self._show_start, running))

    def _handle(self, event: Event, source: Source) -> None:
        running = self._running[event.job.name]
        match event:
            case EpochDone(job=job, epoch=epoch):
                self._watcher.epoch(job.name, job.spec, epoch)
                if epoch.number <= running.epochs:
                    return
                running.epochs = epoch.number
                self._put_off.append(partial(self._show_epoch, running, epoch))
                if not source.epoch(running.assignment, epoch):
                    self._executor.stop(job)
            case Finished(outcome=outcome):
                self._keep(running, outcome, source)
            case Lost(job=job) if self.stopping:
                del self._running[job.name]  # a resume runs it under its own number
            case Lost(job=job, reason=reason) if running.attempts < ATTEMPTS:
                running.attempts += 1
                self._watcher.note(f"{job.name}: {reason}; it runs again, attempt {running.attempts} of {ATTEMPTS}")
                self._again.append(job)
            case Lost(reason=reason):
                self._keep(running, TrialOutcome(TrialResult(status="lost", reason=reason)), source)

    def _keep(self, running: _Running, outcome: TrialOutcome, source: Source) -> None:
        assignment = running.assignment
        run = RunRecord(
            study=self._study.name,
            kind=assignment.kind,
            number=assignment.number,
            repeat=assignment.repeat,
            origin=assignment.origin,
            started=running.started,
            finished=_now(),
            spec=assignment.job.spec,
            result=outcome.result,
        )
        folder = self._study.save(run, outcome)
        del self._running[assignment.job.name]
        self._put_off.append(partial(self._show_end, running, run, folder))
        self._watcher.ended(run)
        source.ended(assignment, run)

    def _show_start(self, running: _Running) -> None:
        assignment = running.assignment
        running.mlflow_run = self._tracker.start_run(
            self._study.name,
            assignment.job.name,
            assignment.job.spec,
            kind=assignment.kind,
            number=assignment.number,
            repeat=assignment.repeat,
            origin=assignment.origin,
            started=running.started,
        )

    def _show_epoch(self, running: _Running, epoch: Epoch) -> None:
        self._tracker.log_epoch(running.mlflow_run, epoch)

    def _show_end(self, running: _Running, run: RunRecord, folder: Path) -> None:
        pages = self._report(self._study, run) if self._report and run.result.test is not None else ()
        self._tracker.finish_run(running.mlflow_run, run, folder, pages)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

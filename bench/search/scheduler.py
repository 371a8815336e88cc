"""The head: hands runs to an executor, keeps what comes back, and tells those who follow. One loop for trials and finals.

A worker waits for what decides its next run alone: the results folder, and the source. What only shows a run (MLflow, its
report) is written when nothing else is to be done.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from bench.data.offline_augmentation import prepare_augmented_copies
from bench.errors import BenchError
from bench.executors.jobs import EpochDone, Event, Executor, Finished, Job, Lost, Notice
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunKind, RunRecord
from bench.search.callback import StudyCallback
from bench.search.deferred_tracking import BACKLOG, PATIENCE, DeferredTracking, Report
from bench.search.failures import ATTEMPTS
from bench.tracking.tracker import Tracker
from bench.trial import Epoch, TrialOutcome, TrialResult


@dataclass(frozen=True)
class Assignment:
    """A job and its place in the study."""

    job: Job
    kind: RunKind
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
    attempts: int = 1
    epochs: int = 0
    """That the source and MLflow were told of; a second attempt repeats them."""


class Head:
    """Owns the executor, the results folder, MLflow and the callback while a study runs."""

    def __init__(
        self,
        *,
        study: StudyFolder,
        executor: Executor,
        tracker: Tracker,
        callback: StudyCallback,
        report: Report | None = None,
    ) -> None:
        self._study = study
        self._executor = executor
        self._watcher = callback
        self._showing = DeferredTracking(study=study, tracker=tracker, callback=callback, report=report)
        self._running: dict[str, _Running] = {}
        self._again: list[Job] = []
        """Jobs whose worker died, until a worker is free."""
        self._events: deque[Event] = deque()
        """What has happened and was not dealt with, in order."""
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
                self._keep_what_ended()
            with suppress(BenchError):
                self._showing.write()
            raise
        self._showing.write()

    def finish(self) -> None:
        """Shows the rest. Raises BenchError where a tracking server that went away does not come back."""
        self._showing.finish(patience=0.0 if self.stopping else PATIENCE)

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
            self._events += self._executor.events(timeout=0.0 if self._showing.waiting else 0.2)
            busy = bool(self._events)
            while self._events:
                self._handle(self._events.popleft(), source)
            # One where nothing has happened, so that a worker that gets free waits for no more.
            self._showing.write(but=BACKLOG if busy else self._showing.waiting - 1)

    def _start(self, assignment: Assignment) -> None:
        job = assignment.job
        if job.spec.training.offline_copies:  # workers read them, and never make them: two would make the same ones
            rate = installed().feature(job.spec.feature).sample_rate
            prepare_augmented_copies(job.data, job.spec.training, sample_rate=rate, progress=self._watcher.preparing)
        running = self._running[job.name] = _Running(assignment, started=_now())
        self._executor.submit(job)
        self._watcher.started(job.name, job.spec, assignment.origin)
        self._showing.started(assignment, running.started)

    def _handle(self, event: Event, source: Source) -> None:
        if isinstance(event, Notice):
            self._watcher.note(event.text)
            return
        running = self._running[event.job.name]
        match event:
            case EpochDone(job=job, epoch=epoch):
                self._watcher.epoch(job.name, job.spec, epoch)
                if epoch.number <= running.epochs:
                    return
                running.epochs = epoch.number
                self._showing.epoch(job.name, epoch)
                if not source.epoch(running.assignment, epoch):
                    self._executor.stop(job)
            case Finished(outcome=outcome):
                source.ended(running.assignment, self._keep(running, outcome))
            case Lost(job=job) if self.stopping:
                del self._running[job.name]  # a resume runs it under its own number
            case Lost(job=job, reason=reason) if running.attempts < ATTEMPTS:
                running.attempts += 1
                self._watcher.note(f"{job.name}: {reason}; it runs again, attempt {running.attempts} of {ATTEMPTS}")
                self._again.append(job)
            case Lost(reason=reason):
                lost = TrialOutcome(TrialResult(status="lost", reason=reason))
                source.ended(running.assignment, self._keep(running, lost))

    def _keep_what_ended(self) -> None:
        """Before the study stops: what workers have finished is kept; a resume tells the source of it."""
        for event in (*self._events, *self._executor.events(timeout=0.0)):
            if isinstance(event, Finished) and event.job.name in self._running:
                self._keep(self._running[event.job.name], event.outcome)

    def _keep(self, running: _Running, outcome: TrialOutcome) -> RunRecord:
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
        self._showing.ended(run, folder)
        self._watcher.ended(run)
        return run


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

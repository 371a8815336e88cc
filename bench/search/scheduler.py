"""The scheduler: hands runs to an executor, saves what comes back, and tells those who follow.

One loop serves trials, finals and reproductions, which differ only in where the next run comes from. A worker waits for
what decides its next run alone: the results folder, and the source. MLflow is written when nothing else is to be done.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.data.offline_augmentation import prepare_augmented_copies
from bench.errors import BenchError
from bench.executors.jobs import EpochDone, Event, Executor, Finished, Job, Lost, Notice
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.assignment import Assignment, Source
from bench.search.callback import StudyCallback
from bench.search.deferred_tracking import BACKLOG, FLUSH_SECONDS, DeferredTracking
from bench.search.failures import ATTEMPTS
from bench.trial import TrialOutcome, TrialResult

WAIT_SECONDS = 0.2
"""Time to wait for an event of the executor if nothing else is to be done."""


@dataclass
class _Running:
    assignment: Assignment
    started: str
    attempts: int = 1
    epochs: int = 0
    """Number of epochs that the source and MLflow were told of; a second attempt repeats them."""


class Scheduler:
    """Drives the executor, the results folder, MLflow and the callback while a study or a reproduction runs."""

    def __init__(
        self,
        *,
        study: StudyFolder,
        executor: Executor,
        registry: Registry,
        callback: StudyCallback,
        tracking: DeferredTracking | None = None,
    ) -> None:
        """Makes a scheduler that has run nothing.

        Args:
            study: Folder that takes the results.
            executor: Where runs are run.
            registry: Plugins that runs name.
            callback: Told of everything that happens.
            tracking: Writes to MLflow; None for no MLflow.
        """
        self._study = study
        self._executor = executor
        self._registry = registry
        self._callback = callback
        self._tracking = tracking
        self._running: dict[str, _Running] = {}
        self._again: list[Job] = []
        """Jobs whose worker died, until a worker is free."""
        self._events: deque[Event] = deque()
        """What has happened and was not dealt with, in order."""
        self.stopping = False
        """Set (by Ctrl-C) to finish what runs and hand out nothing more."""
        self._stop_said = False

    def run(self, source: Source) -> None:
        """Runs all that the source hands out; what has ended is saved before anything else happens.

        Afterwards all of it is written to MLflow. After a second Ctrl-C, or if MLflow takes no more, a resume writes what is
        missing.

        Raises:
            BenchError: If going on makes no sense. What has ended is saved.
        """
        try:
            self._run(source)
        except BenchError:
            with suppress(BenchError):  # the first says more
                self._save_what_ended()
            with suppress(BenchError):
                self._write()
            raise
        self._write()

    def finish(self) -> None:
        """Writes to MLflow what is left. Raises BenchError if a tracking server that went away does not come back."""
        if self._tracking is not None:
            self._tracking.finish(patience=0.0 if self.stopping else FLUSH_SECONDS)

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
                self._callback.note("stopping: what runs is finished first (Ctrl-C again to stop now)")
            if self.stopping and not self._running:
                return
            waiting = self._tracking.waiting if self._tracking is not None else 0
            self._events += self._executor.events(timeout=0.0 if waiting else WAIT_SECONDS)
            busy = bool(self._events)
            while self._events:
                self._handle(self._events.popleft(), source)
            # One if nothing has happened, so that a worker that gets free waits for no more.
            self._write(but=BACKLOG if busy else waiting - 1)

    def _write(self, *, but: int = 0) -> None:
        if self._tracking is not None:
            self._tracking.write(but=but)

    def _start(self, assignment: Assignment) -> None:
        job = assignment.job
        if job.spec.training.offline_copies:  # workers read them, and never make them: two would make the same ones
            prepare_augmented_copies(
                job.data,
                job.spec.training,
                sample_rate=self._registry.feature(job.spec.feature).sample_rate,
                progress=self._callback.preparing,
                processes=0 if self._executor.in_process else None,
            )
        running = self._running[job.name] = _Running(assignment, started=_now())
        self._executor.submit(job)
        self._callback.started(job.name, job.spec, assignment.origin)
        if self._tracking is not None:
            self._tracking.started(assignment, running.started)

    def _handle(self, event: Event, source: Source) -> None:
        if isinstance(event, Notice):
            self._callback.note(event.text)
            return
        running = self._running[event.job.name]
        match event:
            case EpochDone():
                self._count_epoch(running, event, source)
            case Finished(outcome=outcome):
                source.ended(running.assignment, self._save(running, outcome))
            case Lost(job=job) if self.stopping:
                del self._running[job.name]  # a resume runs it under its own number
            case Lost(job=job, reason=reason) if running.attempts < ATTEMPTS:
                running.attempts += 1
                self._callback.note(f"{job.name}: {reason}; it runs again, attempt {running.attempts} of {ATTEMPTS}")
                self._again.append(job)
            case Lost(reason=reason):
                lost = TrialOutcome(TrialResult(status="lost", reason=reason))
                source.ended(running.assignment, self._save(running, lost))

    def _count_epoch(self, running: _Running, event: EpochDone, source: Source) -> None:
        job, epoch = event.job, event.epoch
        self._callback.epoch(job.name, job.spec, epoch)
        if epoch.number <= running.epochs:
            return
        running.epochs = epoch.number
        if self._tracking is not None:
            self._tracking.epoch(job.name, epoch)
        if not source.epoch(running.assignment, epoch):
            self._executor.stop(job)

    def _save_what_ended(self) -> None:
        """Saves what workers have finished before the study stops; a resume tells the source of it."""
        with suppress(BenchError):  # perhaps for the same reason as before
            self._events += self._executor.events(timeout=0.0)
        for event in self._events:
            if isinstance(event, Finished) and event.job.name in self._running:
                self._save(self._running[event.job.name], event.outcome)

    def _save(self, running: _Running, outcome: TrialOutcome) -> RunRecord:
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
        if self._tracking is not None:
            self._tracking.ended(run, folder)
        self._callback.ended(run)
        return run


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

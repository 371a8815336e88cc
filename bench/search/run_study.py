"""Runs a study from wherever it stands to its end: trials, then finals."""

from __future__ import annotations

import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.executors.jobs import Executor
from bench.files import remove_unfinished
from bench.results.study_folder import StudyFolder
from bench.results.study_records import StudyRecord
from bench.search.callback import StudyCallback
from bench.search.deferred_tracking import Report
from bench.search.finals import FinalsSource
from bench.search.optuna_study import open_optuna_study
from bench.search.plan import Plan
from bench.search.scheduler import Head
from bench.search.search_source import SearchSource
from bench.search.study_storage import FILE, Database, SqliteDatabase
from bench.tracking.tracker import Tracker


@dataclass(frozen=True)
class Ending:
    """How far a run of a study came."""

    trials: int
    """That have ended and count, in all."""
    interrupted: bool
    """Whether it was told to stop before its finals were done. A study that ran out of time has its finals."""


def run_study(
    study: StudyFolder,
    record: StudyRecord,
    plan: Plan,
    *,
    executor: Executor,
    tracker: Tracker,
    callback: StudyCallback,
    report: Report | None = None,
    timeout: float | None = None,
    trial_budget: float | None = None,
    database: Database | None = None,
) -> Ending:
    """Tops the study up to its number of trials, then runs its finals. `timeout`: seconds after which no trial starts;
    the finals are then those of the trials that there are. `trial_budget`: seconds of training that a trial may take.
    `database`: where Optuna keeps the study, the file in its folder where it is not given.

    Everything that ends is kept at once; a study that was stopped in any way can be run again, and goes on.
    Raises BenchError where going on makes no sense (repeated failures, a full disk), KeyboardInterrupt on a second Ctrl-C.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    remove_unfinished(study.folder)
    tracker.start_study(record)
    tracker.reconcile(study)
    kept_in = database or SqliteDatabase(study.folder / FILE)
    search = SearchSource(
        record=record,
        space=plan.space,
        study=study,
        optuna_study=open_optuna_study(kept_in, record, begun=bool(study.trials())),
        candidates=list(plan.candidates),
        deadline=deadline,
        trial_budget=trial_budget,
        database=kept_in,
        note=callback.note,
    )
    head = Head(study=study, executor=executor, tracker=tracker, callback=callback, report=report)
    with _interrupts(head):
        callback.phase("trials", done=search.counted, total=record.options.trials)
        head.run(search)
        if head.stopping:
            head.finish()
            return Ending(search.counted, interrupted=True)
        finals = FinalsSource(record=record, study=study)
        callback.phase("finals", done=finals.done, total=finals.total)
        head.run(finals)
        head.finish()
    return Ending(search.counted, interrupted=finals.done < finals.total)


@contextmanager
def _interrupts(head: Head) -> Iterator[None]:
    """Ctrl-C once: finish what runs. Twice, or a request to terminate: stop now."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if head.stopping or signum == signal.SIGTERM:
            raise KeyboardInterrupt
        head.stopping = True

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_name(results: Path, dataset: str, *, taken: Collection[str] = ()) -> str:
    """A name for a new study: the data set's, and the first number that is free here and not among those `taken`."""
    slug = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in dataset).strip("-._") or "study"
    number = 1
    while (results / f"{slug}-{number}").exists() or f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"

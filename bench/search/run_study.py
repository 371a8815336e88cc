"""Runs a study from wherever it stands to its end: trials, then finals."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from bench.executors.jobs import Executor
from bench.files import remove_unfinished
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder
from bench.results.study_records import StudyRecord
from bench.search.callback import StudyCallback
from bench.search.deferred_tracking import DeferredTracking
from bench.search.finals import FinalsSource
from bench.search.optuna_study import open_optuna_study
from bench.search.plan import Plan
from bench.search.scheduler import Scheduler
from bench.search.search_source import SearchSource
from bench.search.study_storage import DATABASE_FILE, Database, SqliteDatabase
from bench.tracking.tracker import Tracker
from bench.trial.plugin_code import changed_plugins


@dataclass(frozen=True)
class Ending:
    """How far a run of a study came."""

    trials: int
    """Number of trials that have ended and count towards the total."""
    complete: int
    """Number of trials that are complete."""
    interrupted: bool
    """Whether it was told to stop before its finals were done. A study that ran out of time has its finals."""


def run_study(
    study: StudyFolder,
    record: StudyRecord,
    plan: Plan,
    *,
    registry: Registry,
    executor: Executor,
    tracker: Tracker | None,
    callback: StudyCallback,
    timeout: float | None = None,
    database: Database | None = None,
) -> Ending:
    """Tops the study up to its number of trials, then runs its finals.

    Everything that ends is saved at once; a study that was stopped in any way can be run again, and goes on. In the main
    thread, Ctrl-C is taken as a request to finish what runs; other threads leave signals alone.

    Args:
        study: Folder of the study, which the caller has locked.
        record: The study as it was asked for.
        plan: What is searched, and what is tried first.
        registry: Plugins that the plan names.
        executor: Where trials run.
        tracker: Where MLflow logs them; None for no MLflow.
        callback: Told of everything that happens.
        timeout: Seconds after which no trial starts; the finals are then those of the trials that there are.
        database: Where Optuna keeps the study; the file in its folder unless given.

    Returns:
        How far the study came.

    Raises:
        BenchError: If going on makes no sense, as after repeated failures or on a full disk.
        KeyboardInterrupt: On a second Ctrl-C.
    """
    for plugin in changed_plugins((run.spec for run in (*study.trials(), *study.finals())), registry):
        callback.warning(
            f"{plugin} has changed since runs of study {study.name} were measured: what runs from now on is another row"
        )
    deadline = None if timeout is None else time.monotonic() + timeout
    remove_unfinished(study.folder)
    if tracker is not None:
        tracker.start_study(record)
        if logged := tracker.reconcile(study).logged:
            callback.note(f"MLflow lacked {len(logged)} runs that the results folder has: they are logged now")
    database = database or SqliteDatabase(study.folder / DATABASE_FILE)
    searches = [
        SearchSource(
            record=searched,
            space=plan.space,
            study=study,
            registry=registry,
            optuna_study=open_optuna_study(database, searched, done=len(study.trials(searched.data.fold_name))),
            candidates=list(plan.candidates),
            deadline=deadline,
            database=database,
            note=callback.note,
        )
        for searched in searched_records(record)
    ]
    tracking = None if tracker is None else DeferredTracking(study=study, tracker=tracker, callback=callback)
    scheduler = Scheduler(study=study, executor=executor, registry=registry, callback=callback, tracking=tracking)
    with _interrupts(scheduler):
        callback.phase("trials", done=sum(search.counted for search in searches), total=record.trials)
        for search in searches:
            if not scheduler.stopping:
                scheduler.run(search)
        if scheduler.stopping:
            scheduler.finish()
            return _ending(searches, interrupted=True)
        finals = FinalsSource(record=record, study=study, registry=registry)
        callback.phase("finals", done=finals.done, total=finals.total)
        scheduler.run(finals)
        scheduler.finish()
    return _ending(searches, interrupted=finals.done < finals.total)


def searched_records(record: StudyRecord) -> list[StudyRecord]:
    """Returns the study as each of its searches sees it: in the first outer fold, or in every one if it is nested.

    Optuna knows the first by the study's name, and the others by that and their fold's.
    """
    folds = record.data.folds if record.options.nested else record.data.folds[:1]
    names = [record.name, *(f"{record.name}/{fold.name}" for fold in folds[1:])]
    return [
        record.model_copy(update={"name": name, "data": record.data.of_fold(fold.name)})
        for name, fold in zip(names, folds, strict=True)
    ]


def _ending(searches: Sequence[SearchSource], *, interrupted: bool) -> Ending:
    return Ending(
        trials=sum(search.counted for search in searches),
        complete=sum(search.complete for search in searches),
        interrupted=interrupted,
    )


@contextmanager
def _interrupts(scheduler: Scheduler) -> Iterator[None]:
    """Takes Ctrl-C as a request to finish what runs; twice, or a request to terminate, as one to stop now."""
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set signal handlers.
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if scheduler.stopping or signum == signal.SIGTERM:
            raise KeyboardInterrupt
        scheduler.stopping = True

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

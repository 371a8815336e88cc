"""Runs a resolved study: holds it for this process, gives it workers and tracking, and writes what it came to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from bench.api.resolve import ResolvedStudy
from bench.errors import BenchError
from bench.locks import audio_in_use, study_locked
from bench.options import IN_PROCESS
from bench.plugins.references import dataset_reference
from bench.plugins.registry import find
from bench.results.overview import PAGES
from bench.results.study_folder import HTML_REPORT, validation_score
from bench.search.callback import StudyCallback
from bench.search.optuna_study import open_optuna_study
from bench.search.run_study import Ending, run_study
from bench.search.study_storage import DATABASE_FILE, Database, database_at
from bench.sqlite import wal_is_damaged

if TYPE_CHECKING:
    from bench.executors.jobs import Executor
    from bench.reporting.leaderboard_records import Leaderboard, Row
    from bench.tracking.tracker import Tracker


@contextmanager
def held(study: ResolvedStudy) -> Iterator[Database]:
    """Holds the study for this process, writes its record, and gives the storage of its trials.

    Raises:
        BenchError: If another process has the study, or its storage cannot be used.
    """
    record, folder, options = study.record, study.folder, study.options
    database = database_at(folder.folder, options.storage or record.options.storage)
    with study_locked(folder.folder), database.locked(folder.name), audio_in_use(record.data.caches.values()):
        if options.storage is not None:  # refuses one that has no such study, or another's, before it is recorded
            open_optuna_study(database, record, done=len(folder.trials()))
        recorded = record.options.model_copy(update={"storage": database.address})
        folder.write(record.model_copy(update={"options": recorded}))
        yield database


def execute(study: ResolvedStudy, database: Database, callback: StudyCallback) -> Ending:
    """Runs the study to its end, with its trials and finals, inside `held`."""
    _say_what_is_damaged(study, callback)
    if os.environ.get("MLFLOW_TRACKING_URI") and study.options.tracking_uri is None:
        callback.warning(
            "MLFLOW_TRACKING_URI is not read: give it by --tracking-uri, if MLflow is to log the trials there"
        )
    executor = _executor(study)
    try:
        with _tracker(study) as tracker:
            ending = run_study(
                study.folder,
                study.record,
                study.plan,
                registry=study.registry,
                executor=executor,
                tracker=tracker,
                callback=callback,
                timeout=study.options.timeout,
                database=database,
            )
            leaderboard = None if ending.interrupted else _write_pages(study, tracker)
            if tracker is not None:
                _finish_tracking(tracker, study, ending, leaderboard)
        executor.close()
        return ending
    finally:
        executor.close(now=True)


def _say_what_is_damaged(study: ResolvedStudy, callback: StudyCallback) -> None:
    """Warns of a damaged `-wal` of a database, which SQLite passes over in silence."""
    from bench.tracking.tracking_store import MLFLOW_DATABASE

    folder = study.folder.folder
    for path in (folder / DATABASE_FILE, folder.parent / MLFLOW_DATABASE):
        if wal_is_damaged(path):
            callback.warning(
                f"{path}-wal is damaged: what was last written to {path.name} is lost, and made up for by the results folder"
            )


def require_complete(study: ResolvedStudy, ending: Ending) -> None:
    """Raises unless the study came to what was asked for, if only within its time limit.

    Raises:
        KeyboardInterrupt: If it was told to stop.
        BenchError: If no trial was complete, or none of the finals, with the last reason.
    """
    if ending.interrupted:
        raise KeyboardInterrupt(f"study {study.folder.name} was stopped after {ending.trials} trials: resume it")
    trials, finals = study.folder.trials(), study.folder.finals()
    if not trials:
        raise BenchError("--timeout left no time for a trial: give more seconds, then resume")
    if not ending.complete:
        last = trials[-1].result
        raise BenchError(f"none of {ending.trials} trials was complete, the last was {last.status}: {last.reason}")
    if finals and all(final.result.status != "complete" for final in finals):
        last = finals[-1].result
        raise BenchError(f"none of {len(finals)} finals was complete, the last was {last.status}: {last.reason}")


def _executor(study: ResolvedStudy) -> Executor:
    from bench.executors.jobs import ExecutorSettings
    from bench.executors.starting import start_executor

    name = IN_PROCESS if study.workers == 0 else study.options.executor
    settings = ExecutorSettings(
        workers=study.workers,
        device=study.device,
        log_folder=study.folder.folder / "logs",
        registry=study.registry,
        options=study.options,
    )
    return start_executor(find("executor", study.registry.executors, name), settings)


def _tracker(study: ResolvedStudy) -> Tracker | nullcontext[None]:
    """MLflow as the options have it; inside this process only if a server or database is named."""
    uri = study.options.tracking_uri
    if uri == "none" or (uri is None and study.workers == 0):
        return nullcontext()
    from bench.tracking.tracker import Tracker

    return Tracker(study.folder.folder.parent, tracking_uri=uri)


def _finish_tracking(tracker: Tracker, study: ResolvedStudy, ending: Ending, leaderboard: Leaderboard | None) -> None:
    """Writes what the study came to beside its trials in MLflow."""
    folder, record = study.folder, study.record
    if ending.interrupted:
        tracker.interrupt_study(folder.name, f"stopped after {ending.trials} of {record.trials} trials")
        return
    objective = record.objective
    figures = {"trials": float(ending.trials)}
    scores = [validation_score(trial) for trial in folder.trials() if trial.result.status == "complete"]
    if scores:  # The best of many trials is not what its configuration comes to: the two have names of their own.
        figures[f"search_best_validation_{objective}"] = max(scores)
    if (row := None if leaderboard is None else _first_row(leaderboard, folder.name)) is not None:
        figures[f"retrained_validation_{objective}"] = row.validation[objective].mean
        figures[f"retrained_test_{objective}"] = row.test[objective].mean
    pages = folder.folder / PAGES
    files = sorted(file for file in pages.iterdir() if file.is_file()) if pages.is_dir() else ()
    reports = {
        final.name: HTML_REPORT for final in folder.finals() if (folder.report_folder(final) / HTML_REPORT).is_file()
    }
    tracker.finish_study(folder.name, best=figures, artifacts=files, reports=reports, finals=folder.finals())


def _first_row(leaderboard: Leaderboard, study: str) -> Row | None:
    """The first row that has finals of a study."""
    rows = (row for row in leaderboard.rows() if any(run.run.startswith(f"{study}/") for run in row.runs))
    return next(rows, None)


def _write_pages(study: ResolvedStudy, tracker: Tracker | None) -> Leaderboard | None:
    """Writes the reports of finals, the leaderboard of the data set and the comparison of features, if there are finals."""
    from bench.reporting.build_leaderboard import build_leaderboard
    from bench.reporting.feature_comparison import write_comparison
    from bench.reporting.publishing import publish
    from bench.reporting.run_report import write_reports

    folder = study.folder
    if not any(final.result.test for final in folder.finals()):
        return None
    for name, report in write_reports(folder, folder.finals(), registry=study.registry).items():
        if tracker is not None:
            tracker.attach(folder.name, name, report.files)
    dataset = dataset_reference(study.registry, study.record.dataset)
    leaderboard = build_leaderboard(folder.folder.parent, dataset, registry=study.registry)
    publish(leaderboard, folder.folder / PAGES, results=folder.folder.parent, html=True)
    write_comparison(folder, folder.folder / PAGES / "comparison.png")
    return leaderboard

"""What `bench run` does: prepares data, makes or finds the study, runs it, and shows what came out."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.progress import PreparationProgress, watch_study
from bench.data.feature_cache import feature_limit
from bench.data.holding import holding
from bench.data.preparation import prepare
from bench.data.prepared import PreparedData
from bench.files import cache_directory
from bench.plugins import PluginConfig
from bench.plugins.registry import Registry
from bench.reporting.numbers import plural
from bench.results.study_folder import StudyFolder, checked_name, find_run, open_study, validation_score
from bench.results.study_records import RunRecord, StudyRecord, StudyRequest
from bench.search.finals import choose_finalists
from bench.search.locks import locked
from bench.search.optuna_study import open_optuna_study
from bench.search.plan import Plan, check_asked, check_same, make_plan, new_record, versions
from bench.search.run_study import Ending, free_name, run_study
from bench.search.study_storage import Database, PostgresDatabase, database_at

if TYPE_CHECKING:
    from bench.executors.jobs import Executor
    from bench.tracking.tracker import Tracker


@dataclass(frozen=True)
class StudyRun:
    """How and where a study runs: what may differ from one resume to the next."""

    registry: Registry
    results: Path
    data_dir: Path
    workers: int | None
    workers_per_gpu: int | None
    """None for what the study was begun with."""
    device: str
    threads: int | None
    timeout: float | None
    trial_timeout: float
    trial_budget: float | None
    max_unusable: float
    storage: str | None
    """URL of a PostgreSQL server, possibly with a password; None for what the study was begun with."""
    tracking_uri: str | None
    dry_run: bool
    executor: str
    ray_address: str | None
    cpus_per_trial: float
    gpus_per_trial: float
    again: tuple[str, ...] = ()
    """Words that a command which resumes this study has to repeat."""


def begin(run: StudyRun, dataset: str, request: StudyRequest, *, name: str, trials: int, **asked: Any) -> None:
    """Starts a study, or goes on with the one of that name if it is the same. Raises BenchError if it is another."""
    from bench.cli.common import dataset_config

    if name:
        checked_name(name)  # before audio is decoded for minutes
    server = None if run.storage is None else PostgresDatabase(run.storage)
    taken = server.names() if server is not None and not (name or run.dry_run) else ()
    config = dataset_config(run.registry, dataset, request.settings)
    plan, data = _resolve(run, config, request)
    study = StudyFolder(
        run.results / (checked_name(name) if name else free_name(run.results, config.name, taken=taken))
    )
    if study.exists():
        record = study.record()
        check_same(record, plan, data)
        check_asked(record, {name: asked[name] for name in ("seed", "finalists", "final_seeds", "compile")})
        record = record.model_copy(update={"data": data, "trials": max(trials, record.trials)})
    else:
        record = new_record(plan, data, name=study.name, trials=trials, versions=versions(run.registry), **asked)
    _run(run, study, record, plan)


def go_on(run: StudyRun, name: str, *, trials: int | None) -> None:
    """Continues a study where it stands."""
    study = open_study(run.results, name)
    record = study.record()
    plan, data = _resolve(run, record.dataset, record.request)
    check_same(record, plan, data, resumed=True)
    wanted = record.trials if trials is None else max(trials, record.trials)
    _run(run, study, record.model_copy(update={"data": data, "trials": wanted}), plan)


def _resolve(run: StudyRun, config: PluginConfig, request: StudyRequest) -> tuple[Plan, PreparedData]:
    from bench.training.device import choose_device

    dataset = run.registry.dataset(config)
    plan = make_plan(run.registry, dataset, request)
    device, _why = choose_device(run.device)  # which raises before audio is decoded for minutes, as the next line does
    _workers(run, device)
    feature_limit()  # likewise
    with PreparationProgress() as progress:
        data = prepare(
            dataset,
            data_dir=run.data_dir,
            cache_dir=cache_directory(),
            sample_rates=plan.sample_rates(run.registry),
            max_unusable=run.max_unusable,
            progress=progress,
        )
    return plan, data


def _run(run: StudyRun, study: StudyFolder, record: StudyRecord, plan: Plan) -> None:
    from bench.cli.common import warn
    from bench.training.device import choose_device

    device, why = choose_device(run.device)
    if run.gpus_per_trial:
        device, why = "cuda", f"{run.gpus_per_trial:g} GPUs a trial, of the cluster"
    record = record.model_copy(update={"workers_per_gpu": run.workers_per_gpu or record.workers_per_gpu})
    workers = _workers(run, device, kept=record.workers_per_gpu)
    for line in (*plan.notes, *record.data.notes):
        warn(line)
    sizes = ", ".join(f"{record.data.clips(split):,} {split}" for split in record.data.splits)
    print(
        f"data set: {record.dataset.name}, {len(record.data.labels)} classes, {sizes} clips of {record.data.seconds:g} s"
    )
    print(f"device: {why}; {plural(workers, 'worker')}{', compiled' if record.compile else ''}")
    print(f"study: {study.name}, {record.trials} trials, maximising validation {record.objective.replace('_', ' ')}")
    if run.dry_run:
        from bench.cli.dry_run import describe

        describe(
            record,
            plan,
            device=device,
            workers=workers,
            threads=run.threads,
            trial_budget=trial_budget(run, device),
        )
        return
    resume = shlex.join(["bench", "run", "--resume", study.name, *run.again])
    database = database_at(study.folder, run.storage or record.storage)
    with locked(study), database.locked(study.name), holding(record.data.caches.values()):
        if run.storage is not None:  # refuses one that has no such study, or another's, before that is remembered
            open_optuna_study(database, record, begun=bool(study.trials()))
        study.write(record.model_copy(update={"storage": database.address}))
        try:
            ending = _execute(run, study, record, plan, device, workers, database)
        except BaseException:  # whatever it is: what is kept is kept
            print(f"to continue: {resume}")
            raise
    if ending.trials < record.trials or ending.interrupted:
        print(f"{ending.trials} of {record.trials} trials are done; to continue: {resume}")
    if not ending.interrupted:
        _show(run, study, record)


CPU_TRIAL_BUDGET = 600.0
"""Seconds of training of a trial on a CPU, unless told otherwise: what a GPU trains in seconds must not hold a search up."""


def trial_budget(run: StudyRun, device: str) -> float | None:
    """Seconds of training that a trial may take on this device; None for any number."""
    default = CPU_TRIAL_BUDGET if device == "cpu" else 0.0
    return (default if run.trial_budget is None else run.trial_budget) or None


def _execute(
    run: StudyRun, study: StudyFolder, record: StudyRecord, plan: Plan, device: str, workers: int, database: Database
) -> Ending:
    from bench.tracking.tracker import Tracker

    executor = _executor(run, study, device, workers)
    try:
        with Tracker(run.results, tracking_uri=run.tracking_uri) as tracker, watch_study() as callback:
            ending = run_study(
                study,
                record,
                plan,
                executor=executor,
                tracker=tracker,
                callback=callback,
                report=_write_report,
                timeout=run.timeout,
                trial_budget=trial_budget(run, device),
                database=database,
            )
            _finish_tracking(tracker, run, study, record, ending)
        executor.close()
        return ending
    finally:
        executor.close(now=True)


def _workers(run: StudyRun, device: str, *, kept: int | None = None) -> int:
    """How many there are. `kept`: on each card, of the study so far. Raises BenchError on contradictions."""
    from bench.executors.gpus import count_workers, visible_gpus

    if run.executor == "ray":
        return run.workers or 1
    per_gpu = run.workers_per_gpu
    if per_gpu is None and run.workers is None and device == "cuda":
        per_gpu = kept
    gpus = len(visible_gpus()) if device == "cuda" else 0
    return count_workers(run.workers, per_gpu, device=device, gpus=gpus)


def _executor(run: StudyRun, study: StudyFolder, device: str, workers: int) -> Executor:
    from bench.executors.local import LocalExecutor

    if run.executor == "local":
        return LocalExecutor(
            workers=workers,
            device=device,
            log_folder=study.folder / "logs",
            time_limit=run.trial_timeout,
            threads=run.threads,
        )
    from bench.executors.ray import RayExecutor

    return RayExecutor(
        workers=workers,
        device=device,
        log_folder=study.folder / "logs",
        address=run.ray_address,
        cpus_per_trial=run.cpus_per_trial,
        gpus_per_trial=run.gpus_per_trial,
        time_limit=run.trial_timeout,
    )


def _write_report(study: StudyFolder, final: RunRecord) -> list[Path]:
    from bench.reporting.run_report import write_report

    return list(write_report(study, final, study.report_folder(final)).files)


def _finish_tracking(tracker: Tracker, run: StudyRun, study: StudyFolder, record: StudyRecord, ending: Ending) -> None:
    """Writes what the study came to beside its trials in MLflow."""
    from bench.cli.common import reference
    from bench.reporting.build_leaderboard import build_leaderboard
    from bench.reporting.feature_comparison import write_comparison
    from bench.reporting.publishing import publish

    if ending.interrupted:
        tracker.interrupt_study(study.name, f"stopped after {ending.trials} of {record.trials} trials")
        return
    complete = [trial for trial in study.trials() if trial.result.status == "complete"]
    best = {"trials": float(ending.trials)}
    if complete:
        best[f"best_validation_{record.objective}"] = max(validation_score(trial) for trial in complete)
    winner = [spec.configuration() for spec in choose_finalists(complete, 1)]
    first = [
        final.result.test.accuracy
        for final in study.finals()
        if final.spec.configuration() in winner and final.result.test
    ]
    pages: tuple[Path, ...] = ()
    if first:
        best["test_accuracy"] = sum(first) / len(first)
        leaderboard = build_leaderboard(
            run.results, reference(run.registry, record.dataset), recipes=run.registry.recipes
        )
        folder = study.folder / "leaderboard"
        pages = (*publish(leaderboard, folder), *write_comparison(study, folder / "comparison.png"))
    tracker.finish_study(study.name, best=best, artifacts=pages)


def _show(run: StudyRun, study: StudyFolder, record: StudyRecord) -> None:
    """What a finished study came to, and where to find it."""
    from bench.cli.common import reference
    from bench.cli.leaderboard import show

    statuses = Counter(trial.result.status for trial in study.trials())
    print(f"trials: {', '.join(f'{number} {status}' for status, number in statuses.most_common())}")
    if not any(final.result.test for final in study.finals()):
        print("no configuration was tested: no trial was complete, or --finalists is 0")
        return
    dataset = reference(run.registry, record.dataset)
    show(run.results, dataset)
    best = find_run(run.results, study.name)[1]
    report = study.report_folder(best) / "report.md"
    if not report.is_file():  # the head was killed after this run was kept and before its report was
        _write_report(study, best)
    print(f"report of the best: {report}")
    print(f"all files:          {study.folder}")
    there = ("--results", str(run.results)) if "--results" in run.again else ()
    print(f"browse the trials:  {shlex.join(['bench', 'ui', *there])}")
    table = ["bench", "leaderboard", dataset, "--publish", "leaderboards/", *there]
    print(f"publish the table:  {shlex.join(table)}")

"""Compares trials in processes of this machine and in a Ray cluster on it: equal numbers, cost, time to notice a loss."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.executors.jobs import EpochDone, Executor, Finished, Job, Lost
from bench.executors.local import LocalExecutor
from bench.executors.ray import RayExecutor
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.trial import TrialOutcome
from perf.command import LOCAL, STUDY, study_times
from perf.sound import data_set
from perf.study import FIXED_SETTINGS
from perf.tables import Column, Row, Sizes, Table

OBJECT_STORE = 200 * 2**20
"""Size of a node's object store, in bytes."""


def measure(sizes: Sizes) -> list[Table]:
    """Returns three tables: studies, cost, losses."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
    }  # The cluster belongs to this process alone.
    with tempfile.TemporaryDirectory() as temporary:
        audio = data_set(Path(temporary) / "audio", clips=sizes.of(400, 60))
        studies, study = _studies(audio, Path(temporary), sizes)
        return [studies, _cost(study, sizes), _losses(study, sizes)]


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """Starts a cluster of nodes with one processor each, beside Ray's head node, which has none."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": OBJECT_STORE})
    try:
        for _ in range(count):
            add_node(cluster)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def add_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE)


def executor(cluster: Any, folder: Path, *, workers: int) -> Executor:
    """Returns an executor with one thread per worker, in the cluster or, if that is None, on this machine."""
    logs = folder / "logs"
    if cluster is None:
        return LocalExecutor(workers=workers, device="cpu", log_folder=logs, registry=installed(), threads=1)
    return RayExecutor(workers=workers, device="cpu", log_folder=logs, registry=installed(), address=cluster.address)


def jobs(study: StudyFolder) -> list[Job]:
    """Returns the trials of a study as jobs."""
    data = study.record().data.without_test()
    return [Job(run.name, run.spec, data) for run in study.trials()]


def run_all(runner: Executor, all_jobs: list[Job]) -> tuple[dict[str, TrialOutcome], list[float]]:
    """Runs all jobs; returns their outcomes by name, and the seconds of each from submission to outcome."""
    outcomes: dict[str, TrialOutcome] = {}
    submitted: dict[str, float] = {}
    durations: list[float] = []
    pending = list(all_jobs)
    while len(outcomes) < len(all_jobs):
        while pending and runner.free:
            submitted[pending[0].name] = time.perf_counter()
            runner.submit(pending.pop(0))
        for event in runner.events(timeout=0.2):
            if isinstance(event, Finished):
                durations.append(time.perf_counter() - submitted[event.job.name])
                outcomes[event.job.name] = event.outcome
    return outcomes, durations


def _studies(audio: Path, folder: Path, sizes: Sizes) -> tuple[Table, StudyFolder]:
    trials = sizes.of(40, 3)
    settings = (*FIXED_SETTINGS, f"training.epochs={sizes.of(3, 1)}")
    rows: list[Row] = []
    first: StudyFolder | None = None
    with nodes(2) as cluster:
        ray_options = ("--executor", "ray", "--ray-address", cluster.address)
        for name, workers, options in (
            ("local, 1 worker", 1, LOCAL),
            ("local, 2 workers", 2, LOCAL),
            ("ray, 2 nodes", 2, ray_options),
        ):
            study_folder = Path(tempfile.mkdtemp(dir=folder))
            times = study_times(
                audio, study_folder, trials=trials, workers=workers, settings=settings, executor_options=options
            )
            study = StudyFolder(study_folder / "results" / STUDY)
            first = first or study
            complete = sum(run.result.status == "complete" for run in times.trials)
            row = {"what": name, "trials": len(times.trials), "complete": complete, "running": times.running}
            rows.append(row | _equal(cluster, study, study_folder))
    assert first is not None
    table = Table(
        title=f"A study of {trials} trials, here and in a cluster",
        columns=(
            Column("Executor", "what"),
            Column("Trials", "trials", "d"),
            Column("Complete", "complete", "d"),
            Column("Seconds after start-up", "running", ".1f"),
            Column("Run again by one local worker: equal", "local", "d"),
            Column("Run again by the two nodes: equal", "ray", "d"),
        ),
        rows=tuple(rows),
        note=f"tc-resnet on mel, {sizes.of(400, 60)} clips of one second, {sizes.of(3, 1)} epoch(s), one thread a worker. "
        "What a search proposes depends on the order in which its trials end; so every trial of every study is run again "
        "from its specification, by one local worker and by the two nodes. Equal: loss and scores, to the last bit.",
    )
    return table, first


def _equal(cluster: Any, study: StudyFolder, folder: Path) -> dict[str, int]:
    """Counts the trials of a study that give the same scores again, by one local worker and by the cluster."""
    wanted = study.trials()
    equal: dict[str, int] = {}
    for name, target, workers in (("local", None, 1), ("ray", cluster, 2)):
        runner = executor(target, folder, workers=workers)
        outcomes, _ = run_all(runner, jobs(study))
        runner.close()
        equal[name] = sum(outcomes[run.name].result.validation == run.result.validation for run in wanted)
    return equal


def _cost(study: StudyFolder, sizes: Sizes) -> Table:
    """Measures how much longer a trial takes through Ray, by the same trials in turn with one worker each."""
    rounds = sizes.of(3, 1)
    durations: dict[str, list[list[float]]] = {"local": [], "ray": []}
    with nodes(1) as cluster, tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, target in (("local", None), ("ray", cluster)):
                runner = executor(target, Path(folder), workers=1)
                durations[name].append(run_all(runner, jobs(study))[1][1:])  # The first trial imports and reads, too.
                runner.close()
    medians = {
        name: statistics.median(statistics.median(times) for times in rounds) for name, rounds in durations.items()
    }
    return Table(
        title="What Ray costs a trial",
        columns=(Column("Executor", "what"), Column("Milliseconds from hand-out to outcome", "milliseconds", ".0f")),
        rows=(
            *({"what": name, "milliseconds": 1000 * seconds} for name, seconds in medians.items()),
            {"what": "difference", "milliseconds": 1000 * (medians["ray"] - medians["local"])},
        ),
        note=f"Medians of {rounds} round(s) of the trials above, one worker, one thread, in turn.",
    )


def _losses(study: StudyFolder, sizes: Sizes) -> Table:
    """Measures how soon the scheduler notices a SIGKILL."""
    repeats = sizes.of(5, 1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary, nodes(1) as cluster:
        folder = Path(temporary)
        ways: tuple[tuple[str, Any, Callable[[], None]], ...] = (
            ("local: the worker", None, lambda: _kill(_workers(folder))),
            ("ray: the worker below an actor", cluster, lambda: _kill(_workers(folder))),
            ("ray: the actor", cluster, lambda: _kill([_parent(pid) for pid in _workers(folder)])),
            ("ray: the node", cluster, lambda: cluster.remove_node(_trial_node(cluster), allow_graceful=False)),
        )
        for name, target, kill in ways:
            measured = [_seconds_until_lost(executor(target, folder, workers=1), study, kill) for _ in range(repeats)]
            rows.append(
                {
                    "what": name,
                    "median": statistics.median(seconds for seconds, _ in measured),
                    "most": max(seconds for seconds, _ in measured),
                    "again": sum(complete for _, complete in measured),
                    "repeats": repeats,
                }
            )
    return Table(
        title="Until a loss is noticed",
        columns=(
            Column("Killed by SIGKILL while a trial runs", "what"),
            Column("Seconds until the scheduler notices, median", "median", ".2f"),
            Column("Most", "most", ".2f"),
            Column("Kills", "repeats", "d"),
            Column("Trials complete in the end", "again", "d"),
        ),
        rows=tuple(rows),
        note="A killed node is replaced by another right away. The trial then runs again.",
    )


def _seconds_until_lost(runner: Executor, study: StudyFolder, kill: Callable[[], None]) -> tuple[float, bool]:
    """Returns the seconds from a kill during a trial to the event, and whether the trial completes when run again."""
    job = jobs(study)[0]
    long_job = Job(
        job.name,
        job.spec.model_copy(update={"training": job.spec.training.model_copy(update={"epochs": 9999})}),
        job.data,
    )
    _submit(runner, long_job)
    while not any(isinstance(event, EpochDone) for event in runner.events(timeout=0.2)):
        pass
    killed = time.perf_counter()
    kill()
    while not any(isinstance(event, Lost) for event in runner.events(timeout=0.01)):
        pass
    measured = time.perf_counter() - killed
    outcomes, _ = run_all(runner, [job])
    runner.close(now=True)
    return measured, outcomes[job.name].result.status == "complete"


def _submit(runner: Executor, job: Job) -> None:
    while not runner.free:
        runner.events(timeout=0.2)
    runner.submit(job)


def _trial_node(cluster: Any) -> Any:
    """Adds a node to the cluster, and returns the one that runs trials."""
    (node,) = cluster.worker_nodes
    add_node(cluster)
    return node


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _workers(folder: Path) -> list[int]:
    """Returns the processes that write to the log of a worker in this folder."""
    pids = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if str((process / "fd" / "1").readlink()).startswith(str(folder)):
                    pids.append(int(process.name))
    return pids


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

"""The same trials by processes of this machine and by a Ray cluster on it: equal numbers, cost, time to notice a loss."""

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
from perf.study import ALWAYS
from perf.tables import Column, Row, Sizes, Table

OBJECT_STORE = 200 * 2**20
"""Bytes of a node's."""


def measure(sizes: Sizes) -> list[Table]:
    """Three tables: studies, cost, losses."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}  # a cluster of this process's own
    with tempfile.TemporaryDirectory() as place:
        audio = data_set(Path(place) / "audio", clips=sizes.of(400, 60))
        studies, study = _studies(audio, Path(place), sizes)
        return [studies, _cost(study, sizes), _losses(study, sizes)]


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """A cluster of so many nodes with one processor each, beside a head node that has none."""
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
    """One thread a worker: of the cluster, or of this machine where there is none."""
    logs = folder / "logs"
    if cluster is None:
        return LocalExecutor(workers=workers, device="cpu", log_folder=logs, registry=installed(), threads=1)
    return RayExecutor(workers=workers, device="cpu", log_folder=logs, registry=installed(), address=cluster.address)


def jobs(study: StudyFolder) -> list[Job]:
    """The trials of a study, to be run again."""
    data = study.record().data.without_test()
    return [Job(run.name, run.spec, data) for run in study.trials()]


def run_all(by: Executor, waiting: list[Job]) -> tuple[dict[str, TrialOutcome], list[float]]:
    """Outcomes by name, and for every job the seconds from its being handed out to its outcome."""
    outcomes: dict[str, TrialOutcome] = {}
    begun: dict[str, float] = {}
    taken: list[float] = []
    left = list(waiting)
    while len(outcomes) < len(waiting):
        while left and by.free:
            begun[left[0].name] = time.perf_counter()
            by.submit(left.pop(0))
        for event in by.events(timeout=0.2):
            if isinstance(event, Finished):
                taken.append(time.perf_counter() - begun[event.job.name])
                outcomes[event.job.name] = event.outcome
    return outcomes, taken


def _studies(audio: Path, folder: Path, sizes: Sizes) -> tuple[Table, StudyFolder]:
    trials = sizes.of(40, 3)
    settings = (*ALWAYS, f"training.epochs={sizes.of(3, 1)}")
    rows: list[Row] = []
    first: StudyFolder | None = None
    with nodes(2) as cluster:
        remote = ("--executor", "ray", "--ray-address", cluster.address)
        for what, workers, options in (
            ("local, 1 worker", 1, LOCAL),
            ("local, 2 workers", 2, LOCAL),
            ("ray, 2 nodes", 2, remote),
        ):
            own = Path(tempfile.mkdtemp(dir=folder))
            times = study_times(audio, own, trials=trials, workers=workers, settings=settings, where=options)
            study = StudyFolder(own / "results" / STUDY)
            first = first or study
            complete = sum(run.result.status == "complete" for run in times.trials)
            kept = {"what": what, "trials": len(times.trials), "complete": complete, "running": times.running}
            rows.append(kept | _equal(cluster, study, own))
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
    """How many trials of a study give the same scores again, by one worker here and by the nodes of the cluster."""
    wanted = study.trials()
    equal: dict[str, int] = {}
    for name, where, workers in (("local", None, 1), ("ray", cluster, 2)):
        by = executor(where, folder, workers=workers)
        outcomes, _ = run_all(by, jobs(study))
        by.close()
        equal[name] = sum(outcomes[run.name].result.validation == run.result.validation for run in wanted)
    return equal


def _cost(study: StudyFolder, sizes: Sizes) -> Table:
    """What a trial takes longer through Ray: the same trials in turn, one worker each."""
    rounds = sizes.of(3, 1)
    taken: dict[str, list[list[float]]] = {"local": [], "ray": []}
    with nodes(1) as cluster, tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, where in (("local", None), ("ray", cluster)):
                by = executor(where, Path(folder), workers=1)
                taken[name].append(run_all(by, jobs(study))[1][1:])  # the first imports and reads
                by.close()
    medians = {name: statistics.median(statistics.median(times) for times in rounds) for name, rounds in taken.items()}
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
    """How long after a SIGKILL the executor knows."""
    repeats = sizes.of(5, 1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place, nodes(1) as cluster:
        folder = Path(place)
        ways: tuple[tuple[str, Any, Callable[[], None]], ...] = (
            ("local: the worker", None, lambda: _kill(_workers(folder))),
            ("ray: the worker below an actor", cluster, lambda: _kill(_workers(folder))),
            ("ray: the actor", cluster, lambda: _kill([_parent(pid) for pid in _workers(folder)])),
            ("ray: the node", cluster, lambda: cluster.remove_node(_trial_node(cluster), allow_graceful=False)),
        )
        for what, where, kill in ways:
            noticed = [_seconds_until_lost(executor(where, folder, workers=1), study, kill) for _ in range(repeats)]
            rows.append(
                {
                    "what": what,
                    "median": statistics.median(seconds for seconds, _ in noticed),
                    "most": max(seconds for seconds, _ in noticed),
                    "again": sum(complete for _, complete in noticed),
                    "repeats": repeats,
                }
            )
    return Table(
        title="Until a loss is noticed",
        columns=(
            Column("Killed by SIGKILL while a trial runs", "what"),
            Column("Seconds until it is known, median", "median", ".2f"),
            Column("Most", "most", ".2f"),
            Column("Kills", "repeats", "d"),
            Column("Trials complete in the end", "again", "d"),
        ),
        rows=tuple(rows),
        note="A killed node is replaced by another right away. The trial then runs again.",
    )


def _seconds_until_lost(by: Executor, study: StudyFolder, kill: Callable[[], None]) -> tuple[float, bool]:
    """From the kill, during a trial, to the executor's event; and whether the trial is complete when it has run again."""
    job = jobs(study)[0]
    long = Job(
        job.name,
        job.spec.model_copy(update={"training": job.spec.training.model_copy(update={"epochs": 9999})}),
        job.data,
    )
    _submit(by, long)
    while not any(isinstance(event, EpochDone) for event in by.events(timeout=0.2)):
        pass
    killed = time.perf_counter()
    kill()
    while not any(isinstance(event, Lost) for event in by.events(timeout=0.01)):
        pass
    noticed = time.perf_counter() - killed
    outcomes, _ = run_all(by, [job])
    by.close(now=True)
    return noticed, outcomes[job.name].result.status == "complete"


def _submit(by: Executor, job: Job) -> None:
    while not by.free:
        by.events(timeout=0.2)
    by.submit(job)


def _trial_node(cluster: Any) -> Any:
    """The node that runs trials; another takes its place."""
    (node,) = cluster.worker_nodes
    add_node(cluster)
    return node


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _workers(folder: Path) -> list[int]:
    """Processes that write to the log of a worker there."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if str((process / "fd" / "1").readlink()).startswith(str(folder)):
                    found.append(int(process.name))
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

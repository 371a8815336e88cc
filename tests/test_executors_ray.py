"""The Ray executor on real clusters of this machine: equal numbers, lost nodes, new nodes, data that are sent to nodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_studies import wait_for
from faulty_plugins import install, model
from made_audio import cats_and_dogs, prepared

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.executors.in_process import InProcessExecutor
from bench.executors.jobs import Executor, Finished, Job, Lost, Notice
from bench.executors.node import NODE_CACHE, NodeInfo
from bench.plugins import PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.trial import TrialOutcome, TrialSpec
from bench_plugins.datasets.folder import Folder

pytest.importorskip("ray", reason="Ray is not installed: pip install 'bench-audio[ray]'")
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

MEMORY = 100 * 2**20


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A head node without a processor of its own: trials run on the nodes that a test adds."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_AUTH_MODE", "disabled")  # a token that an earlier cluster has left would be asked for
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": MEMORY})
        yield cluster
        cluster.shutdown()


@pytest.fixture
def nodes(head: Any) -> Iterator[Any]:
    """The cluster with two nodes, which stay for the next test that does them no harm."""
    import ray

    while len(head.worker_nodes) < 2:
        add(head)
    yield head
    ray.shutdown()


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """The cluster with the nodes of one test alone."""
    import ray

    _remove_nodes(head)
    yield head
    ray.shutdown()
    _remove_nodes(head)


def _remove_nodes(head: Any) -> None:
    for node in list(head.worker_nodes):
        head.remove_node(node)


def add(cluster: Any, **environment: str) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=MEMORY, env_vars=environment)


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio", clips=12))), tmp_path)


def job(data: PreparedData, number: int, *, network: str = "tc-resnet", epochs: int = 2) -> Job:
    spec = TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=PluginConfig(name="mel", options={"sample_rate": 8000}),
        model=PluginConfig(name=network),
        training=TrainingSettings(epochs=epochs, batch_size=8),
        seed=number,
    )
    return Job(f"trial-{number:04d}", spec, data.without_test())


def on(cluster: Any, folder: Path, **options: Any) -> Any:
    from bench.executors.ray import RayExecutor

    return RayExecutor(
        **{
            "workers": 2,
            "device": "cpu",
            "log_folder": folder / "logs",
            "address": cluster.address,
            "registry": installed(),
        }
        | options
    )


def run(
    executor: Executor, jobs: list[Job], *, seconds: float = 120, notices: list[str] | None = None
) -> tuple[dict[str, TrialOutcome], list[Lost]]:
    """Runs the jobs, one whose worker died once more. Outcomes by name."""
    waiting, outcomes, lost = list(jobs), {}, []
    end = time.monotonic() + seconds
    while len(outcomes) < len(jobs):
        assert time.monotonic() < end, (outcomes, lost)
        while waiting and executor.free:
            executor.submit(waiting.pop(0))
        for event in executor.events(timeout=0.5):
            if isinstance(event, Notice):
                if notices is not None:
                    notices.append(event.text)
                assert notices is not None or "no room" in event.text, event  # said while a slow machine adds a node
                continue
            assert any(event.job is known for known in jobs)
            if isinstance(event, Finished):
                outcomes[event.job.name] = event.outcome
            elif isinstance(event, Lost):
                lost.append(event)
                waiting.append(event.job)
    return outcomes, lost


def test_the_same_specification_gives_the_same_numbers_as_on_one_machine(
    nodes: Any, data: PreparedData, tmp_path: Path
) -> None:
    jobs = [job(data, number) for number in range(2)]
    here = InProcessExecutor(registry=installed(), device="cpu", threads=1)
    expected, _ = run(here, jobs)
    here.close()
    executor = on(nodes, tmp_path)
    outcomes, lost = run(executor, jobs)
    executor.close()
    assert not lost
    for name, outcome in outcomes.items():
        mine, theirs = outcome.validation, expected[name].validation
        assert mine is not None and theirs is not None
        assert np.array_equal(mine.probabilities, theirs.probabilities)
        assert outcome.result.hardware == expected[name].result.hardware


def test_a_job_is_stopped_after_its_epoch(nodes: Any, data: PreparedData, tmp_path: Path) -> None:
    executor = on(nodes, tmp_path, workers=1)
    long = job(data, 1, epochs=5000)
    while not executor.free:
        executor.events(timeout=0.5)
    executor.submit(long)
    seen: list[Any] = []
    while not any(isinstance(event, Finished) for event in seen):
        seen += executor.events(timeout=0.5)
        if seen:
            executor.stop(long)
    assert seen[-1].outcome.result.status == "pruned" and len(seen[-1].outcome.result.epochs) < 5000
    executor.close(now=True)


def test_what_a_cluster_does_not_have_is_said_at_once(nodes: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no GPU in this cluster, 0\.5 asked for"):
        on(nodes, tmp_path, gpus_per_trial=0.5)
    with pytest.raises(BenchError, match="no node of this cluster has 4 CPUs, the largest has 1"):
        on(nodes, tmp_path, cpus_per_trial=4)
    with pytest.raises(BenchError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        on(nodes, tmp_path, address="127.0.0.1:1")


def test_nothing_outlives_a_killed_head(nodes: Any, data: PreparedData, tmp_path: Path) -> None:
    """Actors and their worker processes end when the process that made them is killed."""
    import subprocess
    import sys

    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from bench.executors.ray import RayExecutor
from bench.plugins.registry import installed
logs = Path({str(tmp_path)!r}) / "logs"
executor = RayExecutor(workers=1, device="cpu", log_folder=logs, registry=installed(), address={nodes.address!r})
while not executor.free:
    executor.events(0.5)
executor.events(5.0)
print("ready", flush=True)
time.sleep(600)
"""
    head = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert head.stdout is not None and head.stdout.readline() == "ready\n"
    workers = _workers(tmp_path / "logs")
    assert workers
    head.send_signal(signal.SIGKILL)
    head.wait()
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end, "worker processes outlive their head"
        time.sleep(0.2)


def test_a_node_that_is_lost_is_replaced_by_one_that_joins(
    cluster: Any, data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only node is killed under its job; the job is told lost, waits, and runs on a node that comes later."""
    began = tmp_path / "began"
    forward = f"open({str(began)!r}, 'w').close()\nif not os.path.exists(os.environ['BENCH_TEST_GO']): time.sleep(600)"
    install(tmp_path / "site", "sleeper", model("sleeper", forward), monkeypatch)
    go = tmp_path / "go"
    monkeypatch.setenv("BENCH_TEST_GO", str(go))
    node = add(cluster)
    executor = on(cluster, tmp_path, workers=1)
    slow = job(data, 1, network="sleeper")
    while not executor.free:
        executor.events(timeout=0.5)
    executor.submit(slow)
    wait_for(lambda: executor.events(timeout=0.1) or began.exists())
    cluster.remove_node(node, allow_graceful=False)
    killed = time.monotonic()
    events: list[Any] = []
    while not events:
        assert time.monotonic() < killed + 60
        events += executor.events(timeout=0.5)
    assert [type(event) for event in events] == [Lost] and events[0].job is slow
    assert events[0].reason.startswith("node ") and "was lost" in events[0].reason
    assert executor.free == 0
    go.touch()
    add(cluster)
    outcomes, _ = run(executor, [slow])
    assert outcomes["trial-0001"].result.status == "complete", outcomes
    executor.close(now=True)


def test_a_killed_worker_and_a_hung_one_are_what_they_are_on_one_machine(
    cluster: Any, data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = (
        "if not os.path.exists(os.environ['BENCH_TEST_GO']):\n"
        "    open(os.environ['BENCH_TEST_GO'], 'w'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "time.sleep(600)"
    )
    install(tmp_path / "site", "hanger", model("hanger", forward), monkeypatch)
    monkeypatch.setenv("BENCH_TEST_GO", str(tmp_path / "go"))
    add(cluster)
    executor = on(cluster, tmp_path, workers=1, time_limit=3.0)
    outcomes, lost = run(executor, [job(data, 1, network="hanger")])
    assert len(lost) == 1 and "killed by SIGKILL" in lost[0].reason
    assert outcomes["trial-0001"].result.status == "timed-out"
    outcomes, _ = run(executor, [job(data, 2)])  # and the place is good for another
    assert outcomes["trial-0002"].result.status == "complete"
    executor.close(now=True)


def test_data_are_sent_to_a_node_once(cluster: Any, data: PreparedData, tmp_path: Path) -> None:
    """A node with a folder of its own reads nothing from the head's, and gets it once for all its jobs."""
    add(cluster, **{NODE_CACHE: str(tmp_path / "node")})
    executor = on(cluster, tmp_path, workers=1)
    send, sent = executor._send, []
    executor._send = lambda slot, message: (sent.append(message.folders), send(slot, message))
    outcomes, lost = run(executor, [job(data, number) for number in range(3)])
    assert not lost and all(outcome.result.status == "complete" for outcome in outcomes.values())
    assert sent == [(data.caches[8000],)]
    (kept,) = (tmp_path / "node").iterdir()
    assert kept.name == data.caches[8000].name
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in data.caches[8000].iterdir()
    }
    executor.close(now=True)


def test_a_node_that_cannot_keep_data_is_named(cluster: Any, data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / "node").write_text("no folder")
    add(cluster, **{NODE_CACHE: str(tmp_path / "node")})
    executor = on(cluster, tmp_path, workers=1)
    with pytest.raises(BenchError, match=rf"on node \S+ cannot keep {data.caches[8000].name}: .*node"):
        run(executor, [job(data, 1)])
    executor.close(now=True)


def test_what_is_missing_on_a_node_or_here_is_named() -> None:
    from bench.executors.node import different_software

    here = {"python": "3.11.1", "tiny": "1.0"}
    assert different_software(NodeInfo("far", here), here) == ""
    missing = different_software(NodeInfo("far", {"python": "3.11.1"}), here)
    assert missing == "node far has tiny not installed, and this machine has 1.0: install tiny 1.0 there"
    assert "node far has the plugins odd" in different_software(NodeInfo("far", {**here, "odd": "2.0"}), here)


def test_a_node_of_another_version_gets_no_trials_and_the_others_do(
    cluster: Any, data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same plugin in two versions: a node whose own comes first in its path."""
    install(tmp_path / "theirs", "tiny", model("tiny"), monkeypatch, version="2.0")
    install(tmp_path / "ours", "tiny", model("tiny"), monkeypatch)
    add(cluster, PYTHONPATH=str(tmp_path / "theirs"))
    executor = on(cluster, tmp_path, workers=1)
    notices: list[str] = []
    try:
        with pytest.raises(
            BenchError, match=r"node \S+ has tiny 2\.0, and this machine has 1\.0: install tiny 1\.0 there"
        ):
            for _ in range(60):
                executor.events(timeout=1.0)
    finally:
        executor.close(now=True)
    add(cluster)
    executor = on(cluster, tmp_path, workers=2)
    outcomes, _ = run(executor, [job(data, 1)], notices=notices)
    assert outcomes["trial-0001"].result.status == "complete"
    executor.close(now=True)
    # A slow cluster says beside it that a worker has no room yet.
    (of_versions,) = [notice for notice in notices if "tiny" in notice]
    assert "has tiny 2.0" in of_versions and of_versions.endswith("it gets no trials")


def _workers(logs: Path) -> list[int]:
    """Processes that write to the log of a worker there."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                target = str((process / "fd" / "1").readlink())
            except OSError:
                continue
            if target.startswith(str(logs)):
                found.append(int(process.name))
    return found


OWN_CLUSTER = """
import os
from test_security import below, listening
from bench.executors.ray import _connect
ray = _connect(None)
assert ray.get(ray.remote(lambda: 7).remote()) == 7
processes = [os.getpid(), *below(os.getpid())]
for address in sorted({address for pid in processes for address in listening(pid)}):
    print("listens", address.rpartition(":")[0])
commands = b"".join(open(f"/proc/{pid}/cmdline", "rb").read() for pid in processes)
print(os.environ["RAY_AUTH_MODE"], len(os.environ["RAY_AUTH_TOKEN"]), os.environ["RAY_AUTH_TOKEN"].encode() in commands)
"""


def test_a_cluster_of_ones_own_is_on_loopback_and_asks_for_a_token() -> None:
    """Ray runs whatever it is sent, by every account of the machine and by others where it listens to them."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", OWN_CLUSTER], env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    *listens, token = done.stdout.splitlines()
    assert set(listens) == {"listens 0000000000000000FFFF00000100007F", "listens 127.0.0.1"}
    assert token == "token 64 False"

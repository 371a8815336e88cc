"""`bench ui` as a real process, queried over HTTP, and used as the tracking server of another results folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracking_samples import finished, save, study_record

from bench.cli import ui
from bench.errors import BenchError
from bench.tracking.server import Server, free_port
from bench.tracking.tracker import Tracker

LAUNCH = "import typer; from bench.cli.ui import command; app = typer.Typer(); app.command()(command); app()"


def log_study(results: Path, tracking_uri: str | None = None) -> str:
    """A study of one trial; the trial's run id."""
    with Tracker(results, tracking_uri=tracking_uri) as tracker:
        tracker.start_study(study_record())
        run, outcome = finished(0)
        run_id = tracker.start_run("digits", run.name, run.spec, kind="trial", number=0)
        for epoch in run.result.epochs:
            tracker.log_epoch(run_id, epoch)
        tracker.finish_run(run_id, run, save(results, run, outcome))
        tracker.finish_study("digits", best={"best_validation_accuracy": 5 / 6})
    return run_id


class Ui:
    """A `bench ui` process that has said its address."""

    def __init__(self, results: Path) -> None:
        port = free_port("127.0.0.1", 0)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, "--results", str(results), "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": ""},  # which is not for our own server
            # A shell's background job, as the tests may be, ignores SIGINT and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.address = f"http://127.0.0.1:{port}"
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline().strip() for _ in range(3)]

    def get(self, path: str, host: str | None = None) -> str:
        request = urllib.request.Request(f"{self.address}/{path}", headers={"Host": host} if host else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def runs(self) -> list[dict[str, Any]]:
        body = json.dumps({"experiment_ids": ["1"]}).encode()
        request = urllib.request.Request(
            f"{self.address}/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["runs"]
            return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, str]]:
    """One server for all tests that only ask it something."""
    results = tmp_path_factory.mktemp("with space")
    run_id = log_study(results)
    ui_process = Ui(results)
    yield ui_process, run_id
    assert_nothing_stays(ui_process, signal.SIGTERM)


def test_the_ui_says_where_it_is_and_answers_there(served: tuple[Ui, str]) -> None:
    process, _ = served
    assert process.said[1].startswith(process.address), process.said
    assert process.said[2] == (
        f"fsdd: {process.address}/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=bench"
    )
    assert "<title>MLflow</title>" in process.get("")
    tags = {tag["key"]: tag["value"] for tag in experiment(process)["tags"]}
    assert json.loads(tags["mlflow.sharedViewState.bench"])["orderByKey"] == "metrics.`best_validation_accuracy`"


def experiment(process: Ui) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.get("api/2.0/mlflow/experiments/get?experiment_id=1"))["experiment"]
    return found


def test_the_ui_shows_runs_and_artifacts(served: tuple[Ui, str]) -> None:
    process, run_id = served
    assert {run["info"]["run_name"] for run in process.runs()} == {"digits", "trial-0000 tc-resnet + mel"}
    kept = json.loads(process.get(f"get-artifact?path=run.json&run_uuid={run_id}"))
    assert kept["result"]["status"] == "complete"


def test_a_foreign_host_name_is_refused(served: tuple[Ui, str]) -> None:
    """DNS rebinding: a page elsewhere that has its own name point to this machine."""
    process, _ = served
    with pytest.raises(urllib.error.HTTPError, match="403"):
        process.get("api/2.0/mlflow/experiments/get?experiment_id=1", host="evil.example")


def test_a_server_keeps_the_studies_of_another_results_folder(
    served: tuple[Ui, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process, _ = served
    run_id = log_study(tmp_path, process.address)
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "artifacts").exists()
    kept = json.loads(process.get(f"get-artifact?path=run.json&run_uuid={run_id}"))
    assert kept["study"] == "digits"
    run = json.loads(process.get(f"api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train_loss", "best_validation_accuracy"}
    assert capfd.readouterr() == ("", "")


def test_when_the_ui_is_interrupted_nothing_of_it_stays(tmp_path: Path) -> None:
    """As when it is terminated, with which the tests above end."""
    log_study(tmp_path)
    assert_nothing_stays(Ui(tmp_path), signal.SIGINT)


def assert_nothing_stays(ui_process: Ui, ending: signal.Signals) -> None:
    """Ends `bench ui` by a signal: its server goes with it, and it says so."""
    process = ui_process.process
    children = children_of(process.pid)
    assert children
    process.send_signal(ending)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest.strip() == "ended"
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(urllib.error.URLError):
        ui_process.get("health")


def children_of(pid: int) -> list[int]:
    """Every process below `pid`."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if not listed.exists():
        pytest.skip("this system does not list child processes")
    below = [int(child) for child in listed.read_text().split()]
    return below + [grandchild for child in below for grandchild in children_of(child)]


def test_no_results_yet_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no results in .* yet: start a study with bench run"):
        ui.command(results=tmp_path, port=None, host="127.0.0.1", tracking_uri=None)


def test_a_tracking_server_needs_no_ui_of_ours(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="server already") as raised:
        ui.command(results=tmp_path, port=None, host="127.0.0.1", tracking_uri="http://ann:s3cret@host:5000")
    assert "s3cret" not in str(raised.value)


def test_a_taken_port(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"port {port} is taken"):
            ui._port("127.0.0.1", port)
        monkeypatch.setattr(ui, "DEFAULT_PORT", port)
        other = ui._port("127.0.0.1", None)
    assert other != port
    assert capsys.readouterr().out == f"Port {port} is taken, so this is on {other}.\n"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BenchError, match="not an address of this machine"):
        free_port("192.0.2.1", 0)


def test_a_server_that_cannot_start_says_why_without_the_password(tmp_path: Path) -> None:
    server = Server("nonsense://ann:s3cret@host/x", tmp_path, host="127.0.0.1", port=free_port("127.0.0.1", 0) or 0)
    try:
        with pytest.raises(BenchError, match=r"did not start: .*nonsense") as raised:
            server.wait_until_ready()
    finally:
        server.stop()
    assert "s3cret" not in str(raised.value)
    assert os.linesep not in str(raised.value)

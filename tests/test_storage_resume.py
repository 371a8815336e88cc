"""A study on PostgreSQL and a tracking server, both of which crash under it, and whose head is killed: nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from compose_services import HostNames, Service
from faulty_plugins import install, model
from made_audio import cats_and_dogs
from postgres_server import PASSWORD, PostgresServer, postgres_server

from bench.results.study_folder import StudyFolder
from bench.search.study_storage import PostgresDatabase
from bench.tracking.server import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(900)]

TRIALS = 9
QUICK = (
    *("--features", "mel", "--models", "slow", "--set", "feature.mel.sample_rate=8000"),
    *("--epochs", "2", "--finalists", "1", "--final-seeds", "1"),
)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        running.execute("CREATE DATABASE studies")
        running.execute("CREATE DATABASE mlflow")
        yield running


@pytest.fixture
def tracking(server: PostgresServer, tmp_path: Path) -> Iterator[Service]:
    """MLflow's server as the containers run it, with PostgreSQL as its own store."""
    port = free_port("127.0.0.1", 0)
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    host_names = HostNames(
        {"0.0.0.0": "127.0.0.1", "5000": str(port), "2": "1", "/artifacts": str(tmp_path / "artifacts")},
        {
            "bench@postgres:5432": f"ann@127.0.0.1:{server.port}",
            ":5000": f":{port}",
            "/run/secrets/postgres-password": str(secret),
        },
    )
    service = Service("mlflow", host_names, tmp_path / "mlflow.log")
    service.start()
    yield service
    service.end()


def wait_for(condition: Callable[[], Any], head: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert head.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.1)


def test_a_study_outlives_its_database_its_tracking_server_and_its_head(
    server: PostgresServer, tracking: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cats_and_dogs(tmp_path / "audio")
    held = tmp_path / "held"
    forward = f"time.sleep(0.1)\nwhile os.path.exists({str(held)!r}): time.sleep(0.1)"
    install(tmp_path / "plugins", "slow", model("slow", forward), monkeypatch)
    bench = str(Path(sys.executable).with_name("bench"))
    environment = {**os.environ, "PGPASSWORD": PASSWORD, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    address = tracking.host_names.native("http://127.0.0.1:5000")
    said = tmp_path / "said.txt"
    asked = ["--dataset", f"folder:{tmp_path}/audio", "--study", "digits", "--trials", str(TRIALS), *QUICK]
    where = ["--storage", server.url("studies", password=True), "--tracking-uri", address]
    study = StudyFolder(tmp_path / "results" / "digits")
    with said.open("wb") as output:
        head = subprocess.Popen([bench, "run", *asked, *where], env=environment, stdout=output, stderr=output)
    try:
        wait_for(lambda: study.folder.exists() and len(study.trials()) >= 1, head, said)
        server.stop()
        time.sleep(1)
        server.start()
        wait_for(lambda: len(study.trials()) >= 2, head, said)
        tracking.end(signal.SIGKILL)
        wait_for(lambda: "MLflow at" in said.read_text() and len(study.trials()) >= 3, head, said)
        held.touch()  # The server may take longer to start than all trials would.
        tracking.start()
        before = {run.number: run for run in study.trials()}
        assert len(before) < TRIALS, "the head is to be killed before its end"
    finally:
        head.kill()
        head.wait()
    held.unlink()
    resumed = subprocess.run(
        [bench, "run", "--resume", "digits", "--tracking-uri", address], env=environment, capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    trials = {run.number: run for run in study.trials()}
    assert sorted(trials) == list(range(TRIALS)), "exactly as many as were asked for, none twice"
    assert all(trials[number] == run for number, run in before.items()), "nothing that was done is done again"
    assert len(study.finals()) == 1

    assert mlflow_runs(address) == {run.name: run.result.status for run in (*study.trials(), *study.finals())}
    database = PostgresDatabase(server.url("studies", password=True))
    kept = optuna.load_study(study_name="digits", storage=database.storage()).get_trials(deepcopy=False)
    complete = [trial.user_attrs["number"] for trial in kept if trial.state is optuna.trial.TrialState.COMPLETE]
    assert sorted(complete) == list(range(TRIALS))

    told = said.read_text() + resumed.stdout + resumed.stderr + tracking.log.read_text()
    assert f"MLflow at {address} is away: the study goes on" in told
    assert PASSWORD not in told and "Traceback" not in said.read_text() + resumed.stdout + resumed.stderr
    for file in (tmp_path / "results").rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file
    assert not server.execute(f"SELECT 1 FROM tags WHERE value LIKE '%{PASSWORD}%'", "mlflow")


def mlflow_runs(address: str) -> dict[str, str]:
    """Status by name of the study's runs that count. Fails where a name is there twice or a run has not ended."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [run for run in client.search_runs(experiments) if "bench.run" in run.data.tags]
    assert all(run.info.status != "RUNNING" for run in runs)
    named = {run.data.tags["bench.run"]: run.data.tags["bench.status"] for run in runs}
    assert len(named) == len(runs)
    return named

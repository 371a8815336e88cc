"""What the images run is run here, by the same words: servers, their health checks, and a study on them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from compose_services import COMPOSE, DOCKER, HostNames, Service
from faulty_plugins import install, model
from made_audio import cats_and_dogs
from postgres_server import PASSWORD, PostgresServer, postgres_server

from bench.results.study_folder import StudyFolder
from bench.tracking.server import free_port

ROOT = DOCKER.parent
QUICK = (
    *("--features", "mel", "--models", "tiny", "--set", "feature.mel.sample_rate=8000"),
    *("--epochs", "1", "--finalists", "1", "--final-seeds", "1"),
)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """As the image makes it: its user, its database, and what docker/databases.sql adds."""
    image = COMPOSE["services"]["postgres"]["environment"]
    with postgres_server() as running:
        running.execute(f"CREATE ROLE {image['POSTGRES_USER']} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        running.execute(f"CREATE DATABASE {image['POSTGRES_DB']}")
        running.execute((DOCKER / "databases.sql").read_text())
        yield running


def free() -> str:
    return str(free_port("127.0.0.1", 0))


@pytest.mark.postgres
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_services_run_a_study(server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    cats_and_dogs(tmp_path / "audio")
    install(tmp_path / "plugins", "tiny", model("tiny"), monkeypatch)
    monkeypatch.setenv("MARK_OF_THIS_TEST", str(tmp_path))
    secret, token = tmp_path / "secret", tmp_path / "token"
    secret.write_text(PASSWORD)
    token.write_text("0123456789abcdef" * 4)
    mlflow, ray = free(), free()
    host_names = HostNames(
        {
            "0.0.0.0": "127.0.0.1",
            "5000": mlflow,
            "/artifacts": str(tmp_path / "artifacts"),
            "spoken-digits": f"folder:{tmp_path}/audio",
            "40": "2",
            "2": "1",
            "--host=127.0.0.1": f"--host=127.0.0.1 --port={server.port}",
        },
        {
            "postgres:5432": f"127.0.0.1:{server.port}",
            "mlflow:5000": f"127.0.0.1:{mlflow}",
            "ray-head:6379": f"127.0.0.1:{ray}",
            ":6379": f":{ray}",
            "--port=6379": f"--port={ray}",
            ":5000": f":{mlflow}",
            "/run/secrets/postgres-password": str(secret),
            "/run/secrets/ray-token": str(token),
        },
    )
    program, *words = host_names.health("postgres")
    server.run(program, *" ".join(words).split())
    services = [Service(name, host_names, tmp_path / f"{name}.log") for name in ("mlflow", "ray-head", "ray-worker")]
    try:
        for service in services:
            service.start()
        wait_for_text(
            services[-1].log, "Ray runtime started"
        )  # nodes that start at once on one machine take each other's ports
        study = subprocess.run(
            [*host_names.command("bench"), *QUICK], env=host_names.environment("bench"), capture_output=True, text=True
        )
    finally:
        for service in services:
            service.end(signal.SIGKILL)
        end_what_carries(f"MARK_OF_THIS_TEST={tmp_path}")
    assert study.returncode == 0, study.stdout + study.stderr
    study_folder = StudyFolder(tmp_path / "results" / "digits")
    assert [run.number for run in study_folder.trials()] == [0, 1] and len(study_folder.finals()) == 1
    assert study_folder.record().options.storage == f"postgresql://bench@127.0.0.1:{server.port}/studies"
    assert server.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'", "studies") == [(2,)]
    assert server.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'", "mlflow") == [
        (5,)
    ]  # with that of the configuration
    assert PASSWORD not in study.stdout + study.stderr + "".join(service.log.read_text() for service in services)


def wait_for_text(log: Path, text: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while text not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def end_what_carries(mark: str) -> None:
    """Kills the processes that Ray has left in the background and that were started with this in their environment."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), 9)


def test_a_container_takes_the_password_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("tr0ub4dor\n")
    said = subprocess.run(
        [str(DOCKER / "entrypoint.sh"), "sh", "-c", 'printf %s "$PGPASSWORD"'],
        env={"PATH": os.environ["PATH"], "PGPASSWORD_FILE": str(secret)},
        capture_output=True,
        text=True,
    )
    assert (said.stdout, said.stderr) == ("tr0ub4dor", "")


def test_no_secret_is_in_what_images_are_made_of() -> None:
    for file in (*DOCKER.iterdir(), ROOT / ".dockerignore"):
        assert not re.search(
            r"(?i)(password|token|secret)\s*[=:]\s*['\"]?[a-z0-9]{4,}['\"]?\s*$", file.read_text(), re.M
        )
        assert not re.search(r"://[^\s:/@$]+:[^\s@/]+@", file.read_text()), f"a password in an address in {file}"
    first, *others = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert first == "*" and all(line.startswith(("!", "**/")) for line in others), "only what is named is sent"


def test_images_are_pinned_and_nobody_is_root() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+) AS (\S+)", dockerfile, re.M)
    assert {"cpu", "cuda"} <= {name for _, name in stages}
    assert {base for base, name in stages if name in ("cpu", "cuda")} == {"run"}
    after = dockerfile[dockerfile.index("AS run") :]
    assert "USER bench" in after and "USER root" not in after and "\nRUN" not in after[after.index("USER bench") :]
    bases = re.findall(r"^ARG PYTHON=(\S+)", dockerfile, re.M)
    bases += [service["image"] for service in COMPOSE["services"].values() if "BENCH_IMAGE" not in service["image"]]
    assert len(bases) == 2 and all(re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+", base) for base in bases), bases
    for copied in re.findall(r"^COPY ([^-\n].*) \S+$", dockerfile, re.M):
        assert all((ROOT / path).exists() for path in copied.split()), copied


def test_servers_say_that_they_are_well_and_listen_to_this_machine_alone() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_started" or "healthcheck" in services[needed], (name, needed)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DOCKER / source).exists(), volume
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])

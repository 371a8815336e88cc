"""MLflow's own server with its UI, as a child process."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from bench.child_process import ChildProcess
from bench.errors import BenchError
from bench.passwords import without_password
from bench.tracking.run_contents import VIEW
from bench.tracking.tracking_store import ARTIFACTS, QUIET

START_SECONDS = 90.0
"""A cold start imports a good deal: about 5 s on a fast disk, much more on a slow one."""
STOP_SECONDS = 5.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks our own server, which a proxy from the environment would look for on its own machine."""


def free_port(host: str, wanted: int) -> int | None:
    """`wanted` where nothing listens on it, None otherwise; 0 asks for any. Raises BenchError where `host` is not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except PermissionError:
        raise BenchError(f"port {wanted} needs more rights than you have: choose one above 1023 with --port") from None
    except (socket.gaierror, OverflowError) as error:
        raise BenchError(f"{host}:{wanted} is no address to serve on ({error}): see --host and --port") from None
    except OSError as error:
        if error.errno in (98, 48, 10048):  # address in use, on Linux, macOS, Windows
            return None
        raise BenchError(f"{host} is not an address of this machine ({error.strerror}): see --host") from None


class Server:
    """`mlflow server` over one tracking database. `stop` ends it and everything it started."""

    def __init__(self, tracking_uri: str, results: Path, *, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{port}"
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the server)
        command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
        command += ["--artifacts-destination", (results.resolve() / ARTIFACTS).as_uri()]
        command += ["--uvicorn-opts", "--log-level warning"]
        environment = {
            **QUIET,
            **os.environ,
            # Not on the command line, where everybody on the machine could read a password in it.
            "MLFLOW_BACKEND_STORE_URI": tracking_uri,
            # The job runner is for judging language models; it is a process and a temporary folder more.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._process = ChildProcess(
            "bench.child_process:run_command", command, environment=environment, output=self._log
        )

    def wait_until_ready(self) -> None:
        """Returns when the server answers. Raises BenchError with its last words where it ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.exit_code is not None:
                raise BenchError(f"MLflow's server at {self.address} did not start: {self._last_words()}")
            try:
                with _DIRECT.open(f"{self.address}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise BenchError(f"MLflow's server at {self.address} did not answer within {START_SECONDS:.0f} s: try again")

    def pages(self) -> list[tuple[str, str]]:
        """Name of every data set with the address of its runs, as `bench` shows them."""
        query = f"{self.address}/api/2.0/mlflow/experiments/search?max_results=100"
        with _DIRECT.open(query, timeout=30) as answer:
            experiments = json.load(answer).get("experiments", [])
        return [(found["name"], f"{self.address}/{_runs_page(found)}") for found in experiments]

    def wait(self) -> None:
        """Returns never, unless a signal raises. Raises BenchError where the server ends by itself."""
        self._process.wait()
        raise BenchError(f"MLflow's server at {self.address} ended by itself: {self._last_words()}")

    def stop(self) -> None:
        """Ends the server and all that it has started."""
        self._process.end(grace=STOP_SECONDS)
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return without_password(lines[-1]) if lines else f"exit code {self._process.exit_code}, and it said nothing"


def _runs_page(experiment: dict[str, Any]) -> str:
    """Without `workflowType` the UI opens on its views of language models."""
    page = f"#/experiments/{experiment['experiment_id']}/runs?workflowType=machine_learning"
    tags = {tag["key"] for tag in experiment.get("tags", [])}
    return f"{page}&viewStateShareKey={VIEW}" if f"mlflow.sharedViewState.{VIEW}" in tags else page

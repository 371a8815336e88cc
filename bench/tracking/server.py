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
from bench.tracking.tracking_store import ARTIFACTS, QUIET_ENVIRONMENT

SERVER_START_SECONDS = 90.0
"""A cold start imports many modules, which takes about 5 s on a fast disk and much longer on a slow one."""
SERVER_STOP_SECONDS = 5.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens URLs of our own server directly, since a proxy would look for it on the proxy's machine."""


def free_port(host: str, port: int) -> int | None:
    """Returns `port` if it is free and None if it is in use; for port 0, any free port.

    Raises:
        BenchError: `host` is not an address of this machine, or the port needs more rights.
    """
    try:
        family, socket_type, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket_type, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except PermissionError:
        raise BenchError(f"port {port} needs more rights than you have: choose one above 1023 with --port") from None
    except (socket.gaierror, OverflowError) as error:
        raise BenchError(f"{host}:{port} is no address to serve on ({error}): see --host and --port") from None
    except OSError as error:
        if error.errno in (98, 48, 10048):  # "Address in use" on Linux, macOS and Windows.
            return None
        raise BenchError(f"{host} is not an address of this machine ({error.strerror}): see --host") from None


class Server:
    """`mlflow server` for one tracking database. `stop` ends it and all processes that it started."""

    def __init__(self, tracking_uri: str, results: Path, *, host: str, port: int) -> None:
        url_host = f"[{host}]" if ":" in host else host
        self.address = f"http://{url_host}:{port}"
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the server)
        command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
        command += ["--artifacts-destination", (results.resolve() / ARTIFACTS).as_uri()]
        command += ["--uvicorn-opts", "--log-level warning"]
        environment = {
            **QUIET_ENVIRONMENT,
            **os.environ,
            # The URI is not on the command line, where everybody on the machine could read its password.
            "MLFLOW_BACKEND_STORE_URI": tracking_uri,
            # The job runner is for language models only, and needs another process and a temporary folder.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._process = ChildProcess(
            "bench.child_process:run_command", command, environment=environment, output=self._log
        )

    def wait_until_ready(self) -> None:
        """Waits until the server answers.

        Raises:
            BenchError: The server ended, with the last line of its output, or it takes too long.
        """
        deadline = time.monotonic() + SERVER_START_SECONDS
        while time.monotonic() < deadline:
            if self._process.exit_code is not None:
                raise BenchError(f"MLflow's server at {self.address} did not start: {self._last_output_line()}")
            try:
                with _DIRECT.open(f"{self.address}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise BenchError(
            f"MLflow's server at {self.address} did not answer within {SERVER_START_SECONDS:.0f} s: try again"
        )

    def pages(self) -> list[tuple[str, str]]:
        """Returns the name of every data set with the address of its runs in the view that `bench` configures."""
        query = f"{self.address}/api/2.0/mlflow/experiments/search?max_results=100"
        with _DIRECT.open(query, timeout=30) as response:
            experiments = json.load(response).get("experiments", [])
        return [(experiment["name"], f"{self.address}/{_runs_page(experiment)}") for experiment in experiments]

    def wait(self) -> None:
        """Blocks until a signal raises.

        Raises:
            BenchError: The server ended by itself.
        """
        self._process.wait()
        raise BenchError(f"MLflow's server at {self.address} ended by itself: {self._last_output_line()}")

    def stop(self) -> None:
        """Ends the server and all that it has started."""
        self._process.end(grace=SERVER_STOP_SECONDS)
        self._log.close()

    def _last_output_line(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return without_password(lines[-1]) if lines else f"exit code {self._process.exit_code}, without any output"


def _runs_page(experiment: dict[str, Any]) -> str:
    """Returns the path of an experiment's runs. Without `workflowType` the UI opens its views of language models."""
    page = f"#/experiments/{experiment['experiment_id']}/runs?workflowType=machine_learning"
    tags = {tag["key"] for tag in experiment.get("tags", [])}
    return f"{page}&viewStateShareKey={VIEW}" if f"mlflow.sharedViewState.{VIEW}" in tags else page

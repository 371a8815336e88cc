"""MLflow's UI, as a child process."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import urllib.request
from pathlib import Path
from typing import IO, Any

from bench.child_process import ChildProcess
from bench.errors import BenchError
from bench.passwords import without_password
from bench.tracking.access import Access
from bench.tracking.run_contents import VIEW
from bench.tracking.tracking_store import QUIET_ENVIRONMENT

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
    """MLflow's UI for one tracking database, for those alone who have its link or its key.

    `stop` ends it and all processes that it started.
    """

    def __init__(self, tracking_uri: str, results: Path, *, host: str, port: int, writable: bool = False) -> None:
        url_host = f"[{host}]" if ":" in host else host
        self.address = f"http://{url_host}:{port}"
        self.access = Access(writable=writable)
        self._uri = tracking_uri
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the server)
        environment = {
            **QUIET_ENVIRONMENT,
            **os.environ,
            # The job runner is for language models only, and needs another process and a temporary folder.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        # Everybody on the machine can read a command line: the password of the URI and the key go over the connection.
        arguments = (tracking_uri, results.resolve(), host, port, self.access)
        self._process = ChildProcess(
            "bench.tracking.serving:serve", *arguments, environment=environment, output=self._log
        )

    def wait_until_ready(self) -> None:
        """Waits until the server answers.

        Raises:
            BenchError: The server ended, with the last line of its output, or it takes too long.
        """
        try:
            if self._process.connection.poll(SERVER_START_SECONDS):
                self._process.connection.recv()
                return
        except (EOFError, ConnectionError):
            self._process.wait(SERVER_STOP_SECONDS)
            raise BenchError(f"MLflow's server at {self.address} did not start: {self._last_output_line()}") from None
        raise BenchError(
            f"MLflow's server at {self.address} did not answer within {SERVER_START_SECONDS:.0f} s: try again"
        )

    def link(self, page: str = "") -> str:
        """Returns an address that opens once, for whoever comes first, and the cookie that it leaves opens it again."""
        return f"{self.address}/{self.access.link()}{page}"

    def pages(self) -> list[tuple[str, str]]:
        """Returns the name of every data set with the page of its runs in the view that `bench` configures."""
        query = f"{self.address}/api/2.0/mlflow/experiments/search?max_results=100"
        request = urllib.request.Request(query, headers={"Authorization": f"Bearer {self.access.key}"})
        with _DIRECT.open(request, timeout=30) as response:
            experiments = json.load(response).get("experiments", [])
        return [(experiment["name"], _runs_page(experiment)) for experiment in experiments]

    def wait(self, seconds: float | None = None) -> None:
        """Blocks for some time, or until a signal raises.

        Raises:
            BenchError: The server ended by itself.
        """
        if self._process.wait(seconds) is None:
            return
        raise BenchError(f"MLflow's server at {self.address} ended by itself: {self._last_output_line()}")

    def stop(self) -> None:
        """Ends the server and all that it has started."""
        self._process.end(grace=SERVER_STOP_SECONDS)
        self._log.close()

    def _last_output_line(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return (
            without_password(lines[-1], of=self._uri)
            if lines
            else f"exit code {self._process.exit_code}, without any output"
        )


def _runs_page(experiment: dict[str, Any]) -> str:
    """Returns the path of an experiment's runs. Without `workflowType` the UI opens its views of language models."""
    page = f"#/experiments/{experiment['experiment_id']}/runs?workflowType=machine_learning"
    tags = {tag["key"] for tag in experiment.get("tags", [])}
    return f"{page}&viewStateShareKey={VIEW}" if f"mlflow.sharedViewState.{VIEW}" in tags else page

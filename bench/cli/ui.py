"""`bench ui`: MLflow's UI over the results folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.cli.common import ResultsDir, options_of, warn
from bench.errors import BenchError
from bench.files import results_directory
from bench.passwords import without_password
from bench.tracking.server import Server, free_port
from bench.tracking.tracking_store import (
    MLFLOW_DATABASE,
    create_database,
    default_uri,
    follow_moved_folder,
    require_driver,
)

if TYPE_CHECKING:
    from types import FrameType

DEFAULT_PORT = 5000
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def command(
    results: ResultsDir = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help=f"Port to serve on.  \\[default: {DEFAULT_PORT}, or a free one]", min=0, max=65535),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to serve on; the default is for this machine alone.")] = (
        "127.0.0.1"
    ),
    tracking_uri: Annotated[
        str | None,
        typer.Option("--tracking-uri", help="Database to show, instead of the results folder's own."),
    ] = None,
) -> None:
    """Look at every study, trial and curve in a browser (MLflow)."""
    folder = results_directory(options_of(results=results).results)
    uri = options_of(tracking_uri=tracking_uri).tracking_uri or _own_database(folder)
    if uri.startswith(("http://", "https://", "databricks")):
        raise BenchError(f"{without_password(uri)} is a server already: open it in a browser")
    require_driver(uri)
    chosen = _port(host, port)
    if host not in LOOPBACK:
        warn(f"anybody who reaches {host}:{chosen} can read and delete these results; MLflow asks for no password")
    for ending in (signal.SIGTERM, signal.SIGHUP):  # the latter when the terminal is closed
        signal.signal(ending, _terminated)
    print(f"Starting MLflow over {folder} ...", flush=True)
    server = Server(uri, folder, host=host, port=chosen)
    try:
        server.wait_until_ready()
        print(f"{server.address}  (Ctrl-C ends it)", flush=True)
        for name, page in server.pages():
            print(f"  {name}: {page}", flush=True)
        server.wait()
    except KeyboardInterrupt:
        print("ended", flush=True)
    finally:
        server.stop()


def _own_database(folder: Path) -> str:
    if not (folder / MLFLOW_DATABASE).is_file():
        raise BenchError(
            f"no results in {folder} yet: start a study with bench run --dataset NAME, or name another folder with --results"
        )
    create_database(folder)
    follow_moved_folder(folder, even_if_running=False)
    return default_uri(folder)


def _port(host: str, wanted: int | None) -> int:
    free = free_port(host, DEFAULT_PORT if wanted is None else wanted)
    if free is not None:
        return free
    if wanted is not None:
        raise BenchError(f"port {wanted} is taken: choose another, or leave --port out for a free one")
    other = free_port(host, 0)
    if other is None:
        raise BenchError(f"no port is free on {host}: end another program first")
    print(f"Port {DEFAULT_PORT} is taken, so this is on {other}.")
    return other


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Other ends of this process end the server the way Ctrl-C does."""
    raise KeyboardInterrupt

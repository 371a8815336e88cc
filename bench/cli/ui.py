"""`bench ui`: MLflow's UI over the results folder."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.cli.common import ResultsDir, options_of, warn
from bench.errors import BenchError
from bench.files import results_directory
from bench.passwords import without_password
from bench.tracking.access import KEY_VARIABLE
from bench.tracking.server import Server, free_port
from bench.tracking.tracking_store import (
    MLFLOW_DATABASE,
    create_database,
    default_uri,
    follow_moved_folder,
    readable_copy,
    require_driver,
)

if TYPE_CHECKING:
    from types import FrameType

DEFAULT_PORT = 5000
ASK_SECONDS = 0.5
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
    writable: Annotated[
        bool,
        typer.Option("--writable", help="Let runs be changed and logged, too, by whoever has the link or the key."),
    ] = False,
) -> None:
    """Look at every study, trial and curve in a browser (MLflow)."""
    folder = results_directory(options_of(results=results).results)
    with tempfile.TemporaryDirectory(prefix="bench-ui-") as temporary:
        uri = options_of(tracking_uri=tracking_uri).tracking_uri or _own_database(folder, Path(temporary))
        _show(uri, folder, host=host, port=port, writable=writable)


def _show(uri: str, folder: Path, *, host: str, port: int | None, writable: bool) -> None:
    if uri.startswith(("http://", "https://", "databricks")):
        raise BenchError(f"{without_password(uri)} is a server already: open it in a browser")
    require_driver(uri)
    chosen = _port(host, port)
    if host not in LOOPBACK:
        warn(f"what goes to {host}:{chosen} is not encrypted: who sees the traffic can do what you can do there")
    for ending in (signal.SIGTERM, signal.SIGHUP):  # the latter when the terminal is closed
        signal.signal(ending, _terminated)
    print(f"Starting MLflow over {folder} ...", flush=True)
    server = Server(uri, folder, host=host, port=chosen, writable=writable)
    try:
        server.wait_until_ready()
        print(f"{server.link()}  (Ctrl-C ends it)", flush=True)
        pages = server.pages()
        for name, page in pages:
            print(f"  {name}: {server.link(page)}", flush=True)
        print(f"A link works once, in one browser{'; Enter prints another' if _is_asked() else ''}.", flush=True)
        if writable:
            key = "" if os.environ.get(KEY_VARIABLE) else f"{KEY_VARIABLE}={server.access.key} "
            print(f"As a tracking server: {key}bench run --tracking-uri {server.address}", flush=True)
        while True:
            server.wait(ASK_SECONDS)
            if _is_asked() and _entered():
                print(server.link(), flush=True)
    except KeyboardInterrupt:
        print("ended", flush=True)
    finally:
        server.stop()


def _is_asked() -> bool:
    """Whether somebody is at the terminal, and this process in front of it."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # It is closed, or is no terminal.
        return False


def _entered() -> bool:
    """Whether a line was entered since this was last asked."""
    waiting, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(waiting and sys.stdin.readline())


def _own_database(folder: Path, temporary: Path) -> str:
    if not (folder / MLFLOW_DATABASE).is_file():
        raise BenchError(
            f"no results in {folder} yet: start a study with bench run --dataset NAME, or name another folder with --results"
        )
    if not all(os.access(path, os.W_OK) for path in (folder, folder / MLFLOW_DATABASE)):
        print(f"{folder} cannot be written to: this shows a copy of its database, as it is now")
        return readable_copy(folder, temporary)
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

"""Where MLflow writes: tracking addresses without their passwords, and the database of a results folder."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.errors import BenchError
from bench.files import cannot_write
from bench.locks import NoLocks, lock
from bench.passwords import without_password
from bench.sqlite import wait_for_no_disk

DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A server that is away is said within a quarter of a minute; MLflow's own default keeps trying for four.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}
"""Environment of every process that imports MLflow, read at its import; what the user has set is left alone."""


def default_uri(results: Path) -> str:
    """The tracking URI of a results folder's own database, whatever characters its path holds."""
    return _sqlite_uri(results.resolve() / DATABASE)


def _sqlite_uri(path: Path) -> str:
    from sqlalchemy import URL

    uri = URL.create("sqlite", database=str(path)).render_as_string()
    # For `sqlite:///` MLflow makes the parent folder from the text as it stands, a stray one where that is escaped.
    return uri.replace("sqlite:", "sqlite+pysqlite:", 1) if "%" in uri else uri


def is_server(uri: str) -> bool:
    """Whether a tracking server answers there, which then decides where artifacts are kept."""
    return uri.startswith(("http://", "https://"))


def is_remote(uri: str) -> bool:
    """Whether it is a server's, of tracking or a database's, rather than a file's."""
    return urlsplit(uri).hostname is not None


def is_reachable(uri: str) -> bool:
    """Whether somebody listens where the URI of a server points."""
    parts = urlsplit(uri)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 5432)
    try:
        socket.create_connection((parts.hostname or "localhost", port), timeout=2.0).close()
    except OSError:
        return False
    return True


def create_database(results: Path) -> None:
    """Makes the database with its schema, whole or not at all, so that no other process meets half a schema.

    Raises BenchError where the folder cannot be written to, or where what is there is no database.
    """
    path = results.resolve() / DATABASE
    if not path.exists():
        _create(path)
    try:
        with closing(sqlite3.connect(path)) as connection:
            # Readers (the UI) and the writer do not wait for each other. Kept in the file.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        raise BenchError(f"{path} cannot be opened ({error}): check its mode and the free space") from None
    except sqlite3.DatabaseError as error:
        raise BenchError(
            f"{path} is damaged ({error}): move it away, and bench run --resume STUDY logs the finished runs again"
        ) from None


def follow_moved_folder(results: Path, *, even_if_running: bool) -> None:
    """MLflow keeps absolute artifact locations. Where the results folder has been moved, makes them its new place.

    The head does so always; a mere reader only when no run is going, since the head may see the same folder under another
    path (in a container). Raises BenchError where the database cannot be written.
    """
    here = (results.resolve() / ARTIFACTS).as_uri()
    try:
        with closing(sqlite3.connect(results / DATABASE)) as connection, connection:
            running = connection.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()[0]
            if running and not even_if_running:
                return
            for (location,) in connection.execute("SELECT artifact_location FROM experiments").fetchall():
                there = location.rpartition("/")[0]
                if there == here or not there.endswith(f"/{ARTIFACTS}"):
                    continue
                for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                    connection.execute(
                        f"UPDATE {table} SET {column} = :here || substr({column}, length(:there) + 1) "
                        f"WHERE substr({column}, 1, length(:there) + 1) = :there || '/'",
                        {"here": here, "there": there},
                    )
    except sqlite3.Error as error:
        raise BenchError(
            f"{results / DATABASE} cannot be written ({error}): check its mode and the free space"
        ) from None


def _create(path: Path) -> None:
    _import_quietly()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            alone = True
            try:
                stack.enter_context(lock(path.parent, wait=True))
            except NoLocks:
                alone = False
            if path.exists():
                return
            if alone:  # else another process may be at it
                for leftover in path.parent.glob(f".{path.name}.*"):
                    leftover.unlink()
            unfinished.touch(exist_ok=False)
            try:
                with reported(str(path), "its schema"):
                    make: Any = SqlAlchemyStore
                    # As a URI, since MLflow puts this text into its SQL unquoted.
                    store = make(_sqlite_uri(unfinished), path.parent.as_uri())
                    store.delete_experiment("0")  # MLflow's empty "Default", which is nobody's
                    store.engine.dispose()
                _put_in_place(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None


def _put_in_place(made: Path, path: Path) -> None:
    """Gives `made` its name, unless another head was quicker: a rename would replace a database that is in use."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        made.rename(path)


def _import_quietly() -> None:
    """Imports MLflow. Its failures arrive as exceptions; its log lines would break a live display."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow.store.db.utils  # noqa: F401 (importing it sets the levels below)

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)


def open_client(uri: str) -> Any:
    """An MlflowClient that has reached its store. Raises BenchError where it cannot."""
    _import_quietly()
    from mlflow import MlflowClient

    with reported(uri, "a connection"):
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
        store = client._tracking_client.store  # MLflow has no setting for it, and no public way to its engine
        if hasattr(store, "engine"):
            wait_for_no_disk(store.engine)
    return client


@contextmanager
def reported(uri: str, what: str) -> Iterator[None]:
    """Turns any failure of MLflow, its database, its server or the disk into one BenchError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        lines = without_password(str(error)).strip().splitlines() or [type(error).__name__]
        reason = lines[0] if len(lines[0]) <= 160 else f"{lines[0][:160]}..."
        todo = "check that the server runs" if is_remote(uri) else "check free space and permissions"
        raise BenchError(
            f"MLflow at {without_password(uri)} did not take {what} ({reason}): {todo}; "
            "runs that finished are safe in the results folder, and bench run --resume STUDY logs them"
        ) from error

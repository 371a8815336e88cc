"""Creates and opens the stores that MLflow writes to: the database of a results folder, or a server or database."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies
from uuid import uuid4

from bench.errors import BenchError
from bench.files import cache_directory, cannot_write, write_atomically
from bench.locks import NoLocks, lock
from bench.passwords import without_password
from bench.sqlite import use_normal_synchronous

MLFLOW_DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
NOWHERE = "file:///dev/null"
"""Place of the artifacts of MLflow's experiment "Default", which is deleted before it has any."""

LOCATIONS = (
    *(("experiments", "artifact_location"), ("runs", "artifact_uri")),
    *(("logged_models", "artifact_location"), ("model_versions", "source"), ("model_versions", "storage_location")),
)
"""Tables and columns in which MLflow stores where files are."""

QUIET_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow retries for four minutes by default; with these retries an unreachable server is reported after 15 s.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}
"""Environment variables that MLflow reads at import; those that the user has set are left alone."""


def default_uri(results: Path) -> str:
    """Returns the tracking URI of a results folder's own database, whatever characters its path holds."""
    return _sqlite_uri(results.resolve() / MLFLOW_DATABASE)


def _sqlite_uri(path: Path) -> str:
    from sqlalchemy import URL

    uri = URL.create("sqlite", database=str(path)).render_as_string()
    # For `sqlite:///` MLflow creates the parent folder from the raw text, which is a stray folder if that is escaped.
    return uri.replace("sqlite:", "sqlite+pysqlite:", 1) if "%" in uri else uri


def is_server(uri: str) -> bool:
    """Returns whether the URI is that of a tracking server, which then decides where artifacts are stored."""
    return uri.startswith(("http://", "https://"))


def require_driver(uri: str) -> None:
    """Checks that the driver of a database is installed.

    Raises:
        BenchError: If it is not, or the address is none of a database.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    shown = without_password(uri)
    try:
        make_url(uri).get_dialect().import_dbapi()
    except ImportError as error:
        raise BenchError(f"{shown} needs the driver {error.name}: pip install {error.name}, or name another") from None
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise BenchError(f"{shown} is no address of a database ({error}): give one as sqlite:///mlflow.db") from None


def require_server(uri: str) -> None:
    """Raises BenchError if no tracking server listens at its address; through a proxy that cannot be told."""
    if not is_reachable(uri) and not getproxies():
        raise BenchError(
            f"no MLflow server listens at {without_password(uri)}: start it, name another by --tracking-uri, "
            "or leave that out for a database of the results folder's own"
        )


def require_store(uri: str | None) -> None:
    """Raises BenchError if no server listens at an address, or the driver of its database is missing; None is our own."""
    if uri and is_server(uri):
        require_server(uri)
    elif uri and not uri.startswith(("none", "databricks")):
        require_driver(uri)


def is_remote(uri: str) -> bool:
    """Returns whether the URI is that of a tracking or database server rather than of a file."""
    return urlsplit(uri).hostname is not None


def is_reachable(uri: str) -> bool:
    """Returns whether something listens at the host and port of a server's URI."""
    parts = urlsplit(uri)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 5432)
    try:
        socket.create_connection((parts.hostname or "localhost", port), timeout=2.0).close()
    except OSError:
        return False
    return True


def create_database(results: Path) -> None:
    """Creates the database with its complete schema in one step, so that no other process sees half a schema.

    Raises:
        BenchError: The folder cannot be written to, or the existing file is not a database.
    """
    path = results.resolve() / MLFLOW_DATABASE
    if not path.exists():
        _create(path)
    try:
        with closing(sqlite3.connect(path)) as connection:
            # Readers (the UI) and the writer do not wait for each other. The file remembers this mode.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        raise BenchError(f"{path} cannot be opened ({error}): check its mode and the free space") from None
    except sqlite3.DatabaseError as error:
        raise BenchError(
            f"{path} is damaged ({error}): move it away, and bench run --resume STUDY logs the finished runs again"
        ) from None


def readable_copy(results: Path, folder: Path) -> str:
    """Copies the database of a results folder that cannot be written to into `folder`, and returns the copy's URI.

    SQLite opens no database in write-ahead mode where it cannot write, even to read it.

    Raises:
        BenchError: The database cannot be read.
    """
    path, copy = results.resolve() / MLFLOW_DATABASE, folder / MLFLOW_DATABASE
    try:
        with (
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as there,
            closing(sqlite3.connect(copy)) as here,
        ):
            there.backup(here)
    except sqlite3.Error as error:
        raise BenchError(f"{path} cannot be read ({error}): check its mode") from None
    follow_moved_folder(results, even_if_running=False, database=copy)
    return _sqlite_uri(copy)


def follow_moved_folder(results: Path, *, even_if_running: bool, database: Path | None = None) -> None:
    """Rewrites the absolute artifact locations that MLflow stored before the results folder was moved, in its database or
    in a copy of that.

    The scheduler always does so. A mere reader does so only while no run is going, since the scheduler may have mounted
    the same folder under another path (in a container).

    Raises:
        BenchError: The database cannot be written.
    """
    new_root = (results.resolve() / ARTIFACTS).as_uri()
    database = database or results / MLFLOW_DATABASE
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            running = connection.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()[0]
            if running and not even_if_running:
                return
            for (location,) in connection.execute("SELECT artifact_location FROM experiments").fetchall():
                old_root = location.rpartition("/")[0]
                if old_root == new_root or not old_root.endswith(f"/{ARTIFACTS}"):
                    continue
                for table, column in LOCATIONS:
                    connection.execute(
                        f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                        f"WHERE substr({column}, 1, length(:old) + 1) = :old || '/'",
                        {"new": new_root, "old": old_root},
                    )
    except sqlite3.Error as error:
        raise BenchError(f"{database} cannot be written ({error}): check its mode and the free space") from None


def _create(path: Path) -> None:
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
            if alone:  # Otherwise another process may be creating one.
                for leftover in path.parent.glob(f".{path.name}.*"):
                    leftover.unlink()
            unfinished.touch(exist_ok=False)
            try:
                _fill(unfinished, path)
                _rename_unless_exists(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None


def _fill(unfinished: Path, path: Path) -> None:
    """Writes the schema. MLflow makes it by all of its migrations, which takes seconds, so the cache folder has an empty one
    of each version of MLflow."""
    empty = cache_directory() / f"mlflow-{version('mlflow')}.db"
    with suppress(OSError):
        unfinished.write_bytes(empty.read_bytes())
        return
    _import_quietly()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with translate_errors(str(path), "its schema"):
        store_class: Any = SqlAlchemyStore
        # MLflow puts this text into its SQL unquoted, so it has to be a URI.
        store = store_class(_sqlite_uri(unfinished), NOWHERE)
        store.delete_experiment("0")  # MLflow's empty experiment "Default" is of no use here.
        store.engine.dispose()
    with suppress(BenchError):  # no space, or a folder that is read-only
        write_atomically(empty, unfinished.read_bytes())


def _rename_unless_exists(temporary: Path, path: Path) -> None:
    """Renames the new database unless another process was quicker, since a rename would replace a database in use."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    except OSError:  # The file system has no hard links.
        temporary.rename(path)


def _import_quietly() -> None:
    """Imports MLflow without its log lines, which would break a live display; its failures arrive as exceptions."""
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow.store.db.utils  # noqa: F401 (This import sets the levels below.)

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)


def open_client(uri: str) -> Any:
    """Returns an MlflowClient that has reached its store.

    Raises:
        BenchError: The store cannot be reached.
    """
    _import_quietly()
    from mlflow import MlflowClient

    with translate_errors(uri, "a connection"):
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
        store = client._tracking_client.store  # MLflow gives no public access to its engine.
        if hasattr(store, "engine"):
            use_normal_synchronous(store.engine)
    return client


@contextmanager
def translate_errors(uri: str, what: str) -> Iterator[None]:
    """Turns any failure of MLflow, its database, its server or the disk into a BenchError.

    Args:
        uri: The tracking URI, whose password is left out of the message.
        what: What was being written, as in `run trial-0007`.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        lines = without_password(str(error), of=uri).strip().splitlines() or [type(error).__name__]
        reason = lines[0] if len(lines[0]) <= 160 else f"{lines[0][:160]}..."
        remedy = "check that the server runs" if is_remote(uri) else "check free space and permissions"
        raise BenchError(
            f"MLflow at {without_password(uri)} did not take {what} ({reason}): {remedy}; "
            "runs that finished are safe in the results folder, and bench run --resume STUDY logs them"
        ) from error

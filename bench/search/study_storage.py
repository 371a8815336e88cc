"""Where Optuna keeps a study: a SQLite file in its folder, or a PostgreSQL server that many people and machines share."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import optuna
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, PendingRollbackError, SQLAlchemyError

from bench.errors import BenchError
from bench.files import cannot_write
from bench.locks import refused, this_process
from bench.passwords import SECRET_OPTION, without_password
from bench.sqlite import merge_wal, use_normal_synchronous

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

Answer = TypeVar("Answer")
Note = Callable[[str], None]
"""Takes a human-readable line."""

DATABASE_FILE = "optuna.db"
"""Name of the file of a study that has no server, in its folder."""
AWAY_SECONDS = 120.0
"""Seconds that a study waits for a server that is away, before it stops."""
PAUSE = 0.5
"""Seconds between two looks whether the server is back."""
CONNECT_SECONDS = 10
AWAY = ("08", "53300", "57P")
"""Beginnings of the SQLSTATEs of a server that cannot be reached, has no connection left, or is going down or coming up."""
ADVICE = "set PGPASSWORD, put it into ~/.pgpass, or give --storage with it again (it is never kept)"
"""How to hand over a password."""


class Database(Protocol):
    """Where Optuna keeps a study. Its failures are BenchErrors of one line."""

    shared: bool
    """Whether it holds studies of other people too, who may have chosen the same names."""
    shown: str
    """Its address as people may see it."""
    address: str | None
    """What a resume needs to find it, without a password; None if it goes with the study's folder."""

    def storage(self) -> optuna.storages.RDBStorage:
        """Returns its tables, made if they are not there. Raises what SQLAlchemy, its driver and Optuna raise."""
        ...

    def opening(self) -> AbstractContextManager[None]:
        """Turns what goes wrong at a study's start into one BenchError."""
        ...

    def call(self, action: Callable[[], Answer], note: Note, again: Callable[[], Answer] | None = None) -> Answer:
        """What `action` gives, which asks or tells Optuna something. A server that is away is waited for, which is noted
        once; then `again` (or `action`) is called. Raises BenchError if that does not help."""
        ...

    def locked(self, study: str) -> AbstractContextManager[None]:
        """Makes this process the only one that runs the study of this name. Raises BenchError if another one does."""
        ...


def database_at(folder: Path, storage: str | None) -> SqliteDatabase | PostgresDatabase:
    """Returns the database of the study in `folder`: the one at `storage`, or the file there.

    Raises BenchError on a bad address.
    """
    return SqliteDatabase(folder / DATABASE_FILE) if storage is None else PostgresDatabase(storage)


class SqliteDatabase:
    """A file, in WAL mode: readers and the one process that writes do not wait for each other. See `Database`."""

    shared: bool = False
    address: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)
        self._engines: list[Engine] = []
        """Of the storages that were opened: the last connection that closes writes what stands in the `-wal`."""

    def storage(self) -> optuna.storages.RDBStorage:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        url = URL.create("sqlite", database=str(self.path)).render_as_string()
        storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
        use_normal_synchronous(storage.engine)
        self._engines.append(storage.engine)
        return storage

    @contextmanager
    def opening(self) -> Iterator[None]:
        try:
            yield
        except BenchError:
            raise
        except OSError as error:
            raise cannot_write(self.path, error) from error
        except Exception as error:  # sqlite3, SQLAlchemy and Optuna each raise their own
            raise BenchError(
                f"{self.path} cannot be used as a study ({reason(error)}): move it away, and a resume makes it anew from "
                "the results folder, or restore it"
            ) from error

    def call(self, action: Callable[[], Answer], note: Note, again: Callable[[], Answer] | None = None) -> Answer:
        try:
            return action()
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
            raise BenchError(
                f"{self.shown} does not take what it is told ({reason(error)}): check free space and permissions, then "
                "resume; runs that finished are safe beside it"
            ) from error

    @contextmanager
    def locked(self, study: str) -> Iterator[None]:
        try:
            yield  # Whoever holds the study's folder holds its file.
        finally:
            for engine in self._engines:
                engine.dispose()
            merge_wal(self.path)


class PostgresDatabase:
    """A PostgreSQL server, by psycopg. A study's name is its name there. See `Database`.

    The lock is an advisory one of a connection that stays open: it ends with the connection, so with the process, and
    with the server. Before anything is asked or told the connection is looked at, and after a server's return the lock is
    taken again, so that two processes never write to one study.
    """

    shared: bool = True

    def __init__(self, address: str) -> None:
        """`address`: `postgresql://USER@HOST/DATABASE`. Raises BenchError if it is another, or psycopg is not there."""
        self._url = _checked(address)
        self._given = address
        self.shown = without_secrets(self._url)
        self.address: str | None = self.shown
        self._holds: str | None = None
        """Name of the study that is locked for this process."""
        self._lock: psycopg.Connection | None = None

    def storage(self) -> optuna.storages.RDBStorage:
        return optuna.storages.RDBStorage(
            # One process runs a study at a time: more connections would lie idle.
            self._url.render_as_string(hide_password=False),
            engine_kwargs={
                "pool_size": 1,
                "max_overflow": 2,
                "pool_pre_ping": True,
                "connect_args": {"connect_timeout": CONNECT_SECONDS, "application_name": this_process()},
            },
        )

    def names(self) -> list[str]:
        """Returns the names of the studies that are there. Raises BenchError if the server cannot be reached."""
        with self.opening():
            return optuna.study.get_all_study_names(self.storage())

    @contextmanager
    def opening(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except (optuna.exceptions.OptunaError, SQLAlchemyError, psycopg.Error) as error:
            said = self._said(error)
            todo = ADVICE if "password" in said or "authentication" in said else "check that it runs and takes you in"
            raise BenchError(f"{self.shown} cannot keep a study ({said}): {todo}") from error

    def call(self, action: Callable[[], Answer], note: Note, again: Callable[[], Answer] | None = None) -> Answer:
        import psycopg

        gone: float | None = None
        while True:
            try:
                self._hold()
                return action()
            except (optuna.exceptions.StorageInternalError, SQLAlchemyError, psycopg.Error) as error:
                if not is_away(error):
                    raise BenchError(
                        f"{self.shown} does not take what it is told ({self._said(error)}): mend that, then resume; "
                        "runs that finished are safe in the results folder"
                    ) from error
                if gone is None:
                    gone = time.monotonic()
                    note(f"{self.shown} is away: waiting for it, at most {AWAY_SECONDS:.0f} s")
                if time.monotonic() - gone > AWAY_SECONDS:
                    raise BenchError(
                        f"{self.shown} has been away for {AWAY_SECONDS:.0f} s ({self._said(error)}): start it, then resume; "
                        "runs that finished are safe in the results folder"
                    ) from error
            action = again or action
            time.sleep(PAUSE)

    @contextmanager
    def locked(self, study: str) -> Iterator[None]:
        with self.opening():
            self._holds = study
            self._hold()
        try:
            yield
        finally:
            self._holds = None
            self._drop()

    def _said(self, error: BaseException) -> str:
        return reason(error, self._given)

    def _hold(self) -> None:
        """Makes sure that the study is still ours. Raises psycopg.Error if the server is away, BenchError if another
        process has taken the study meanwhile."""
        if self._holds is None:
            return
        if self._lock is not None:
            import psycopg

            try:
                self._lock.execute("SELECT 1")
                return
            except psycopg.Error:  # and the lock with it
                self._drop()
        self._lock = self._connect()
        key = lock_key(self._holds)
        taken = self._lock.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if not (taken and taken[0]):
            holder = self._lock.execute(HOLDER, {"key": key}).fetchone()
            self._drop()
            raise refused(self._holds, str(holder[0]) if holder and holder[0] else "another process")

    def _connect(self) -> psycopg.Connection:
        import psycopg

        connection = psycopg.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=this_process(),
        )
        # A machine that loses power says no goodbye: the server asks after it, and lets go within a minute.
        for setting, value in (("idle", 30), ("interval", 10), ("count", 3)):
            connection.execute(f"SET tcp_keepalives_{setting} = {value}".encode())
        return connection

    def _drop(self) -> None:
        if self._lock is not None:
            with suppress(Exception):
                self._lock.close()
            self._lock = None


HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32 | objid::bigint) = %(key)s
"""
"""Name of the session that has an advisory lock, which every user may see."""


def lock_key(study: str) -> int:
    """Returns the key of the advisory lock of a study: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"bench study {study}".encode()).digest()[:8], "big", signed=True)


def is_away(error: BaseException) -> bool:
    """Whether a server could not be reached, or went away, rather than refused what it was told."""
    import psycopg

    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    if isinstance(cause, PendingRollbackError):  # Optuna tries again in the session that the server's end has broken
        return True
    if isinstance(cause, DBAPIError):
        if cause.connection_invalidated:
            return True
        cause = cause.orig
    if not isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError)):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(AWAY)


def reason(error: BaseException, address: str | None = None) -> str:
    """Returns the first line of what a database at `address` said, without passwords."""
    told = error.__cause__ or error  # Optuna wraps what SQLAlchemy says
    told = getattr(told, "orig", None) or told
    return without_password((str(told).strip().splitlines() or [type(told).__name__])[0], of=address)


def without_secrets(url: URL) -> str:
    """Returns the address without its password, fit to be recorded."""
    query = {name: value for name, value in url.query.items() if not SECRET_OPTION.match(f"?{name}=")}
    return url.set(drivername="postgresql", query=query)._replace(password=None).render_as_string()


def _checked(address: str) -> URL:
    shown = without_password(address)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("postgresql", "postgres", "postgresql+psycopg") or not url.database:
        raise BenchError(
            f"--storage {shown}: give postgresql://USER@HOST/DATABASE, or leave it out for a file in the results folder"
        )
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise BenchError(f"{shown} needs the PostgreSQL driver: pip install 'bench-audio[postgres]'") from None
    return url.set(drivername="postgresql+psycopg")

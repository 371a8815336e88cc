"""SQLite, as the databases of a results folder use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine


def wait_for_no_disk(engine: Engine) -> None:
    """Connections of this engine leave it to the system when a commit reaches the disk; other databases stay as they are.

    In WAL mode a process that is killed loses nothing by it. A machine that loses power can lose the last commits, never
    the database; runs are safe in their folders, from which a resume makes up for what is missing. A trial makes about a
    hundred commits, each of which would wait for the disk (milliseconds where it is busy).
    """
    from sqlalchemy import event

    if engine.dialect.name != "sqlite":
        return

    def set_up(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(engine, "connect", set_up)
    engine.dispose()  # those that are open already

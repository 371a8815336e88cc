"""Configures SQLite for the databases of a results folder, and keeps their files whole."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing, suppress
from pathlib import Path
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


def merge_wal(path: Path) -> None:
    """Writes into a database what stands in its `-wal` file alone, so that the one file can be copied.

    What cannot be written now, since somebody reads it, is written by the next process that opens it.
    """
    if path.is_file():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_HEADER, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
"""Of a `-wal` file: magic, version, page size, number, two salts, two checksums; and of every page in it: its number, the
size of the database after a commit (else 0), two salts, two checksums. See https://sqlite.org/fileformat.html#walformat"""
_MAGIC = 0x377F0682
"""The lowest bit says in which order the bytes of a checksum's words are."""


def wal_is_damaged(path: Path) -> bool:
    """Whether the `-wal` file of a database holds a commit that SQLite will not read, and says nothing of.

    Half a commit at its end is what a killed process leaves, and no damage.
    """
    try:
        content = path.with_name(f"{path.name}-wal").read_bytes()
    except OSError:
        return False
    if len(content) < _HEADER.size:
        return False
    magic, _, page, _, *salts, first, second = _HEADER.unpack_from(content)
    order = "<>"[magic & 1]
    sums = _checksum(content[: _HEADER.size - 8], (0, 0), order)
    if magic & ~1 != _MAGIC or sums != (first, second):
        return True
    whole = True
    for start in range(_HEADER.size, len(content) - _FRAME.size - page + 1, _FRAME.size + page):
        _, commit, *its, first, second = _FRAME.unpack_from(content, start)
        if its != salts:  # SQLite begins anew at the start of the file, and leaves what stands behind it.
            return False
        if whole:
            body = start + _FRAME.size
            sums = _checksum(content[start : start + 8] + content[body : body + page], sums, order)
            whole = sums == (first, second)
        if commit and not whole:
            return True
    return False


def _checksum(content: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """The running checksum of a `-wal` file."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second

"""Checksums of files, and a memo of the files whose every byte this process has checked."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.cores import available_cores

BLOCK = 32 * 2**20
"""Bytes that one checksum covers, so that the blocks of a file are checked in parallel."""


class Corrupt(Exception):
    """A file or folder is not what its manifest states; the message says how."""


class FileSum(BaseModel):
    """Size of a file in bytes, and the crc32 of each of its blocks."""

    model_config = ConfigDict(frozen=True)
    size: int
    crc32: tuple[int, ...]


def file_sum(path: Path) -> FileSum:
    """Reads a whole file and sums it. Raises OSError."""
    size = path.stat().st_size
    starts = range(0, size, BLOCK)
    with ThreadPoolExecutor(available_cores()) as pool:
        return FileSum(size=size, crc32=tuple(pool.map(lambda start: _crc32(path, start), starts)))


def verify_file(path: Path, expected: FileSum, *, once: bool = False) -> None:
    """Checks every byte of a file against its checksum.

    Args:
        path: The file.
        expected: What its manifest states.
        once: Whether a file that this process has checked before is read again only if it has changed since.

    Raises:
        Corrupt: The file is missing, or its size or checksum is another.
        OSError: The file cannot be read.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise Corrupt(f"{path.name} is missing") from None
    if status.st_size != expected.size:
        raise Corrupt(f"{path.name} has {status.st_size:,} bytes, not {expected.size:,}")
    checked = (status.st_ino, status.st_mtime_ns, expected)
    if once and _checked.get(path) == checked:
        return
    if file_sum(path) != expected:
        raise Corrupt(f"{path.name} has a wrong checksum")
    _checked[path] = checked


_checked: dict[Path, tuple[int, int, FileSum]] = {}
"""Inode, time of the last change and checksum of the files whose every byte this process has checked."""


def _crc32(path: Path, start: int) -> int:
    with path.open("rb") as file:
        file.seek(start)
        return zlib.crc32(file.read(BLOCK))

"""Unpacks tar and zip archives that came from the network: nothing is written outside the folder given."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from gzip import BadGzipFile
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from bench.errors import BenchError

BLOCK_BYTES = 2**20


def unpack(archive: Path, folder: Path, *, strip: int = 0, limit: int | None = None) -> None:
    """Unpacks an archive into `folder`, leaving out the first `strip` folders of every path.

    Raises:
        BenchError: The archive is damaged, is of another kind, has a path that leads out of the folder, or holds more than
            `limit` bytes.
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder, strip, _Room(limit))
        elif tarfile.is_tarfile(archive):
            _untar(archive, folder, strip, _Room(limit))
        else:
            raise BenchError(f"{archive.name} is no tar or zip archive: its address may have changed, report it")
    except (tarfile.FilterError, _Outside) as error:
        raise BenchError(f"{archive.name} is unsafe and was not unpacked: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, LZMAError, EOFError) as error:
        raise BenchError(f"{archive.name} is damaged ({error}): download it again") from error
    except RuntimeError as error:  # zipfile's word for a password, and for a method of packing that it does not know
        raise BenchError(f"{archive.name} cannot be unpacked here ({error}): unpack it by hand") from error


class _Outside(Exception):
    """A member whose path leads out of the folder, or that takes more room than was declared."""


class _Room:
    """Bytes that may still be written. A small archive can hold any number of zeros."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._left = limit

    def take(self, size: int) -> None:
        """Raises _Outside where that is more than there is."""
        if self._left is None:
            return
        self._left -= size
        if self._left < 0:
            raise _Outside(f"it holds more than {self._limit:,} bytes, far more than was declared")


def _untar(archive: Path, folder: Path, strip: int, room: _Room) -> None:
    def member_below(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo | None:
        inside = _inside(member.name, strip)
        if inside is None:
            return None
        room.take(member.size)
        # Without its mode it gets the one that the umask leaves, as what a zip archive holds does.
        safe: Any = tarfile.data_filter(member.replace(name=inside, deep=False), destination)
        return safe.replace(mode=None, deep=False)  # type: ignore[no-any-return]

    with tarfile.open(archive) as file:
        file.extractall(folder, filter=member_below)
        while file.fileobj is not None and file.fileobj.read(BLOCK_BYTES):
            pass  # a compressed file's checksum is at its end, behind the last member


def _unzip(archive: Path, folder: Path, strip: int, room: _Room) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            inside = _inside(member.filename, strip)
            if inside is None or member.is_dir():
                continue
            path = folder / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            with file.open(member) as source, path.open("wb") as target:
                while block := source.read(BLOCK_BYTES):
                    room.take(len(block))
                    target.write(block)


def _inside(name: str, strip: int) -> str | None:
    """Strips the first folders off a member's path; None for those folders themselves. Raises _Outside."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise _Outside(f"it holds {name!r}, which leads out of the folder")
    return "/".join(path.parts[strip:]) or None

"""Makes a folder so that others see it complete or not at all: it is built in the same parent, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from bench.files import cannot_write
from bench.locks import Locked, NoLocks, lock

PREFIX = ".building-"
LEFTOVER_SECONDS = 24 * 3600
"""A build that has not ended after a day was killed: where the file system has no locks, which tell it at once."""
YOUNG_SECONDS = 60
"""A build that is younger may not be locked yet."""


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yields a path, which does not exist yet, to build `folder` at; it is renamed to `folder` when the block ends well.

    If another process has made `folder` meanwhile, that one stays and this one is dropped. A block that raises leaves
    nothing behind, and leftovers of killed processes are removed by the next build beside them.

    Raises:
        BenchError: The disk is full or read-only.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        temporary = folder.with_name(f"{PREFIX}{uuid4().hex[:12]}")
        temporary.mkdir()  # with the mode that the umask leaves, unlike what tempfile makes
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        with ExitStack() as stack:
            with suppress(NoLocks):
                stack.enter_context(lock(temporary))
            yield temporary / folder.name
            if not folder.exists():
                _rename(temporary / folder.name, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def discard(folder: Path) -> None:
    """Removes a folder in one step for others; a process that has its files open can still read them."""
    try:
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=PREFIX))
        with suppress(FileNotFoundError):  # another process was quicker
            folder.rename(temporary / folder.name)
    except OSError as error:
        raise cannot_write(folder, error) from error
    shutil.rmtree(temporary, ignore_errors=True)


def mark_used(folder: Path) -> None:
    """Sets a folder's time to now, by which the least recently used ones are known; does nothing if that is forbidden."""
    now = time.time_ns()
    with suppress(OSError):
        os.utime(folder, ns=(now, now))


def remove_leftovers(parent: Path) -> None:
    """Removes unfinished folders that no process builds any more."""
    for leftover in parent.glob(f"{PREFIX}*"):
        with suppress(OSError, Locked):  # its owner has just finished, or is at it
            age = time.time() - leftover.stat().st_mtime
            try:
                with lock(leftover):
                    killed = age > YOUNG_SECONDS
            except NoLocks:
                killed = age > LEFTOVER_SECONDS
            if killed:
                shutil.rmtree(leftover, ignore_errors=True)


def _rename(built: Path, folder: Path) -> None:
    try:
        built.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # otherwise another process was quicker and has built the same
            raise cannot_write(folder, error) from error

"""Making a folder so that others see the whole of it or nothing: built beside its place, then renamed into it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.files import cannot_write

PREFIX = ".building-"
LEFTOVER_SECONDS = 24 * 3600
"""A build that has not ended after a day was killed."""


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A place, not there yet, to make the content of `folder` in; renamed to `folder` where the block ends well.

    Where another process put `folder` there meanwhile, that one stays and ours is dropped. Nothing is left behind by a
    block that raises, and what killed processes left is removed after a day. Raises BenchError on a full disk or a
    read-only place.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        workshop = Path(tempfile.mkdtemp(dir=folder.parent, prefix=PREFIX))
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        workshop.chmod(0o755)
        yield workshop / folder.name
        if not folder.exists():
            _rename(workshop / folder.name, folder)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def discard(folder: Path) -> None:
    """Removes a folder: at once for those who look for it; who has its files open can still read them."""
    try:
        workshop = Path(tempfile.mkdtemp(dir=folder.parent, prefix=PREFIX))
        with suppress(FileNotFoundError):  # another process was quicker
            folder.rename(workshop / folder.name)
    except OSError as error:
        raise cannot_write(folder, error) from error
    shutil.rmtree(workshop, ignore_errors=True)


def mark_used(folder: Path) -> None:
    """Sets a folder's time to now, which is how it is known what was used longest ago. Where it is not ours, nothing."""
    now = time.time_ns()
    with suppress(OSError):
        os.utime(folder, ns=(now, now))


def remove_leftovers(parent: Path) -> None:
    """Removes unfinished folders that are older than a day."""
    for leftover in parent.glob(f"{PREFIX}*"):
        try:
            age = time.time() - leftover.stat().st_mtime
        except OSError:
            continue  # its owner has just finished
        if age > LEFTOVER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _rename(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # otherwise another process was quicker, with the same content
            raise cannot_write(folder, error) from error

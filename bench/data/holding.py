"""Decoded audio that is in use: held by who runs on it, so that nobody clears it away underneath.

What is held is the folder itself, by a lock that the system lets go of however its holder ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.data.folders import discard
from bench.errors import BenchError


@contextmanager
def holding(folders: Iterable[Path]) -> Iterator[None]:
    """Keeps these folders, and the augmented copies beside them, from being cleared while the block runs.

    Raises BenchError where one has just been cleared. On a file system without locks nothing is held, and nothing cleared.
    """
    with ExitStack() as stack:
        for folder in folders:
            try:
                handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, handle)
                with suppress(PermissionError):
                    _lock(handle, fcntl.LOCK_SH)
                folder.stat()  # it may have been cleared before it was locked
            except (FileNotFoundError, BlockingIOError) as error:
                raise BenchError(
                    f"the decoded audio at {folder} is being cleared away: run the command again, and it is made anew"
                ) from error
        yield


def discard_unheld(folder: Path, *, holds: Path) -> bool:
    """Removes a folder unless somebody holds `holds`, or it cannot be told; whether it did. Raises BenchError."""
    try:
        handle = os.open(holds, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # of copies whose decoded audio is gone
        discard(folder)
        return True
    try:
        _lock(handle, fcntl.LOCK_EX)
        discard(folder)
        return True
    except (BlockingIOError, PermissionError):
        return False
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> None:
    """Raises BlockingIOError where others have it, PermissionError where there are no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        raise PermissionError(error.errno, "no locks here") from error

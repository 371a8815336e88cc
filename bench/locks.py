"""Locks on files and folders, which the system lets go of however the process that has them ends.

Exclusive locks are filelock's. Shared ones it has not in this form: its reader-writer locks are SQLite databases and marker
files beside what they protect, while a cache folder is locked itself, also where nothing can be written.
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import lock_descriptor

from bench.errors import BenchError
from bench.files import cannot_write

OWNER_BYTES = 200
"""Length that is read of a lock file, which holds the name of its owner."""


class Locked(Exception):
    """Another process has the lock."""


class NoLocks(Exception):
    """The file system has no locks."""


@contextmanager
def lock(path: Path, *, shared: bool = False, wait: bool = False) -> Iterator[int]:
    """Locks a file, which is made if it is not there, or a folder, while the block runs.

    Args:
        path: File or folder to lock.
        shared: Lets others have it too if they share it.
        wait: Waits until an exclusive lock can be had, rather than raise Locked.

    Yields:
        The descriptor of the file, open for reading and writing, or of the folder.

    Raises:
        Locked: If another process has the lock.
        NoLocks: If the file system has none.
        OSError: If the file or folder cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            if shared:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            elif not lock_descriptor(descriptor, blocking=wait):
                raise Locked
        except BlockingIOError:
            raise Locked from None
        except OSError as error:
            raise NoLocks(error.strerror) from error
        yield descriptor
    finally:
        os.close(descriptor)


def this_process() -> str:
    """Names this process to whoever is refused a lock, in at most 63 ASCII characters: those of a PostgreSQL session."""
    host = platform.node().encode("ascii", "replace").decode()[:17] or "this machine"
    return f"process {os.getpid()} on {host} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def refused(study: str, owner: str) -> BenchError:
    """Returns the error of a second process that wants to run a study. `owner` names the first, see `this_process`."""
    return BenchError(
        f"study {study!r} is being run by {owner}: watch it with bench ui, stop it, or choose another --study; "
        "when that process is gone its lock is too (over a network within a minute), and the same command takes over"
    )


@contextmanager
def study_locked(folder: Path) -> Iterator[None]:
    """Makes this process the only one that runs the study in `folder` while the block runs.

    Raises:
        BenchError: If another process runs it, which is named, or the folder cannot be written to or locked.
    """
    path = folder / ".lock"
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = stack.enter_context(lock(path))
            os.ftruncate(descriptor, 0)
            os.write(descriptor, this_process().encode())
        except Locked:
            raise refused(folder.name, _owner(path)) from None
        except NoLocks as error:
            raise BenchError(
                f"{path} cannot be locked ({error}): put the results on a file system that has locks, --results"
            ) from None
        except OSError as error:
            raise cannot_write(path, error) from error
        yield


def _owner(path: Path) -> str:
    with suppress(OSError):
        if owner := path.read_bytes()[:OWNER_BYTES].decode(errors="replace").strip():
            return owner
    return "another process"


@contextmanager
def audio_in_use(folders: Iterable[Path]) -> Iterator[None]:
    """Keeps folders of decoded audio, and the augmented copies beside them, from being cleared while the block runs.

    On a file system without locks they are not protected, and nobody clears them.

    Raises:
        BenchError: If one has just been cleared.
    """
    with ExitStack() as stack:
        for folder in folders:
            try:
                folder.stat()  # A missing folder would be taken for a file, and made.
                with suppress(NoLocks):
                    stack.enter_context(lock(folder, shared=True))
                folder.stat()  # It may have been cleared before it was locked.
            except (FileNotFoundError, Locked) as error:
                raise BenchError(
                    f"the decoded audio at {folder} is being cleared away: run the command again, and it is made anew"
                ) from error
        yield

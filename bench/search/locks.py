"""One head at a time: who runs a study, and the line for whoever comes second."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.errors import BenchError
from bench.files import cannot_write
from bench.results.study_folder import StudyFolder


def this_process() -> str:
    """This head as a refused one is told of it, in at most 63 ASCII characters: a name of a PostgreSQL session."""
    host = platform.node().encode("ascii", "replace").decode()[:20] or "this machine"
    return f"process {os.getpid()} on {host} since {datetime.now(UTC):%Y-%m-%dT%H:%MZ}"


def refused(study: str, holder: str) -> BenchError:
    """The one line for a second head on a study. `holder`: the first, see `this_process`."""
    return BenchError(
        f"study {study!r} is being run by {holder}: watch it with bench ui, stop it, or choose another --study; "
        "when that process is gone its lock is too (over a network within a minute), and the same command takes over"
    )


@contextmanager
def locked(study: StudyFolder) -> Iterator[None]:
    """Holds the study's folder for this process; the system lets go of it however the process ends.

    Raises BenchError where another process holds it.
    """
    path = study.folder / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "another process"
            raise refused(study.name, holder) from None
        except OSError as error:
            raise BenchError(
                f"{path} cannot be locked ({error.strerror}): put the results on a file system that has locks, --results"
            ) from None
        try:
            os.ftruncate(handle, 0)
            os.write(handle, this_process().encode())
        except OSError as error:
            raise cannot_write(path, error) from error
        yield
    finally:
        os.close(handle)

"""Writing files so that a reader sees the old one or the new one, never half of one; and the folders that are ours."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError

UNFINISHED = ".unfinished"
"""How the names of half-written files end."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a temporary file beside `path` and renames it. Raises BenchError on a full disk or a read-only folder."""
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_unfinished(folder: Path) -> None:
    """Removes what killed processes left half written in and below `folder`. For whoever alone writes there."""
    for leftover in folder.rglob(f".*{UNFINISHED}"):
        leftover.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> BenchError:
    """The one line for a write that failed, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BenchError(f"no space left to write {path}: free some, then run the command again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return BenchError(
            f"{path.parent} cannot be written to: choose another folder with its option, or change its mode"
        )
    return BenchError(f"{path} cannot be written ({error.strerror or error}): choose another folder with its option")


def data_directory(given: Path | None) -> Path:
    """The folder that holds data sets under their official names: as given, BENCH_DATA_DIR, or the user's data folder."""
    import platformdirs

    return _folder(given, "BENCH_DATA_DIR", lambda: platformdirs.user_data_path("bench"))


def cache_directory() -> Path:
    """The folder of decoded audio: BENCH_CACHE_DIR, or the user's cache folder. It can be deleted at any time."""
    import platformdirs

    return _folder(None, "BENCH_CACHE_DIR", lambda: platformdirs.user_cache_path("bench"))


def results_directory(given: Path | None) -> Path:
    """The folder of studies: as given, BENCH_RESULTS_DIR, or `bench-results` here."""
    return _folder(given, "BENCH_RESULTS_DIR", lambda: Path("bench-results"))


def _folder(given: Path | None, variable: str, default: Callable[[], Path]) -> Path:
    if given is not None:
        return Path(given).expanduser()
    return Path(os.environ[variable]).expanduser() if os.environ.get(variable) else default()

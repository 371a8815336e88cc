"""Writes files atomically and knows the default folders of data, cache and results.

A reader sees the old file or the new one, never a half-written one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from uuid import uuid4

from bench.errors import BenchError

TEMPORARY_SUFFIX = ".unfinished"
"""Half-written files have this suffix."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a temporary file beside `path`, then renames it, so that no reader sees half of it.

    Raises:
        BenchError: The disk is full or the folder cannot be written to.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}{TEMPORARY_SUFFIX}")
        try:
            with temporary.open("xb") as file:  # with the mode that the umask leaves, unlike what tempfile makes
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_unfinished(folder: Path) -> None:
    """Removes the half-written files that killed processes left in and below `folder`.

    Only the process that holds the folder's lock may call this, since another process may be writing such a file.
    """
    for leftover in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> BenchError:
    """Returns the one-line error for a write that failed, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BenchError(f"no space left to write {path}: free some, then run the command again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return BenchError(
            f"{path.parent} cannot be written to: choose another folder with its option, or change its mode"
        )
    return BenchError(f"{path} cannot be written ({error.strerror or error}): choose another folder with its option")


def data_directory(explicit: Path | str | None) -> Path:
    """Returns the folder that holds data sets under their official names.

    This is `explicit` if there is one, else `BENCH_DATA_DIR`, else the user's data folder, see `_of_the_user`.
    """
    return _folder(explicit, "BENCH_DATA_DIR", lambda: _of_the_user("data"))


def cache_directory() -> Path:
    """Returns the folder of decoded audio and cached features: `BENCH_CACHE_DIR`, or else the user's cache folder, see
    `_of_the_user`.

    Its contents can be deleted at any time.
    """
    return _folder(None, "BENCH_CACHE_DIR", lambda: _of_the_user("cache"))


def give_libraries_a_cache() -> None:
    """Gives libraries a folder for what they keep, where the user has no home to keep it in; child processes have it too.

    Without one, numba refuses to import librosa's functions, MLflow asks for the home, and torch's compiler for a name.
    """
    if _of_the_user("cache").is_absolute():
        return
    folder = cache_directory().absolute()
    own = {"BENCH_CACHE_DIR": folder, "BENCH_DATA_DIR": data_directory(None).absolute()}
    libraries = {"NUMBA_CACHE_DIR": "numba", "TORCHINDUCTOR_CACHE_DIR": "inductor", "MPLCONFIGDIR": "matplotlib"}
    for variable, path in {**own, **{variable: folder / name for variable, name in libraries.items()}}.items():
        os.environ.setdefault(variable, str(path))
    os.environ.setdefault("HOME", str(folder))


def results_directory(explicit: Path | str | None) -> Path:
    """Returns the folder of studies: `explicit` if there is one, else `BENCH_RESULTS_DIR`, else `./bench-results`."""
    return _folder(explicit, "BENCH_RESULTS_DIR", lambda: Path("bench-results"))


def _of_the_user(kind: Literal["data", "cache"]) -> Path:
    """The user's own folder for data or caches: `~/.local/share/bench` or `~/.cache/bench` on Linux.

    A user without a home, or with one where nothing can be made, as in a container started with `--user 12345`, has
    `bench-data` and `bench-cache` in the working folder, beside `bench-results`.
    """
    import platformdirs

    try:
        folder = platformdirs.user_data_path("bench") if kind == "data" else platformdirs.user_cache_path("bench")
    except (RuntimeError, KeyError):  # There is neither HOME nor an entry in /etc/passwd.
        return Path(f"bench-{kind}")
    # `Path.exists` raises below a folder that may not be entered, as HOME may be where `su` left it as it was.
    there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110
    return folder if there == folder or os.access(there, os.W_OK) else Path(f"bench-{kind}")


def _folder(explicit: Path | str | None, variable: str, default: Callable[[], Path]) -> Path:
    if explicit is not None:
        return Path(explicit).expanduser()
    return Path(os.environ[variable]).expanduser() if os.environ.get(variable) else default()

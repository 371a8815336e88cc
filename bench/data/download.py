"""Gets a data set: downloads it and verifies its checksum, or synthesises it. Its folder appears complete or not at all."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from bench.data.folders import building
from bench.data.unpacking import unpack
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import Archive, Dataset
from bench.plugins.contracts import ProgressCallback

CHUNK_BYTES = 2**16
"""Bytes read from the network at a time; what is cut off of that is read again."""
PART = ".part"
"""Ending of an archive that is not whole yet, in the folder of all data."""
PARTIAL, RANGE_NOT_SATISFIABLE = 206, 416
"""HTTP status of the rest of a file, and of a rest that does not exist."""


def obtain(dataset: Dataset, data_dir: Path, progress: ProgressCallback) -> Path:
    """Finds the data set's folder, and synthesises it if it is missing and can be. Nothing is downloaded.

    Raises:
        BenchError: The folder does not exist; the message says what to do.
    """
    root = dataset.root(data_dir)
    if root.is_dir():
        return root
    if is_synthesised(dataset):
        return _synthesise(dataset, root, progress)
    if dataset.archive is not None:
        raise BenchError(
            f"data set {dataset.name} is not at {root}: run `bench fetch {dataset.name}`, "
            f"or name the folder that holds {dataset.folder} with --data-dir"
        )
    if dataset.argument is None:
        raise BenchError(
            f"data set {dataset.name} is not at {root}: get it by hand ({dataset.source}), "
            f"or name the folder that holds {dataset.folder} with --data-dir"
        )
    raise BenchError(f"data set {dataset.name}: there is no folder {root}: check the path")


def fetch(dataset: Dataset, *, data_dir: Path, progress: bool = True) -> Path:
    """Downloads a data set into its official folder, or synthesises it there. An existing folder is left alone.

    It is safe to repeat: the folder does not exist until everything has been downloaded, verified and unpacked.

    Args:
        dataset: The data set.
        data_dir: Folder of all data sets.
        progress: Whether a progress bar is shown on the error stream.

    Returns:
        The data set's folder.

    Raises:
        BenchError: There is no network, the checksum is wrong, the archive is damaged or unsafe, or the disk is full.
    """
    root = dataset.root(data_dir)
    if root.is_dir():
        return root
    if dataset.archive is not None:
        return _download_and_unpack(dataset.name, dataset.archive, root, progress)
    if is_synthesised(dataset):
        with _bar(f"making {dataset.name}", shown=progress) as update:
            return _synthesise(dataset, root, update)
    if "://" in dataset.source:
        raise BenchError(
            f"data set {dataset.name} has no archive with a checksum: get it by hand ({dataset.source}), look at it, and "
            f"unpack it to {root}"
        )
    raise BenchError(f"data set {dataset.name} is your own: nothing is known to download it from")


def is_synthesised(dataset: Dataset) -> bool:
    """Whether the data set synthesises its own files."""
    return type(dataset).prepare is not Dataset.prepare


def _synthesise(dataset: Dataset, root: Path, progress: ProgressCallback) -> Path:
    try:
        with building(root) as unfinished:
            dataset.prepare(unfinished, progress)
            if not unfinished.is_dir():
                raise BenchError(f"data set {dataset.name} made no files: its plugin is at fault, report it there")
    except OSError as error:
        raise cannot_write(root, error) from error
    return root


def _download_and_unpack(name: str, archive: Archive, root: Path, progress: bool) -> Path:
    if archive.sha256 is None and archive.files_sha256 is None and not archive.url.startswith("https://"):
        raise BenchError(
            f"{archive.url} comes without a checksum over a connection that anybody on the way can change: get it by hand, "
            f"look at it, and unpack it to {root}"
        )
    file = root.parent / f".{name}-{PurePosixPath(urlsplit(archive.url).path).name}{PART}"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        _download(name, archive, file, progress)
        with building(root) as folder:
            whole = file.rename(folder.with_name(file.name.removeprefix(".").removesuffix(PART)))
            _verify(name, archive, whole)
            unpack(whole, folder, strip=archive.strip, limit=archive.limit())
            _verify_files(name, archive, folder)
    except OSError as error:
        raise cannot_write(root, error) from error
    return root


def _download(name: str, archive: Archive, file: Path, progress: bool) -> None:
    """Writes the archive to `file`, or what is missing of it there since a download broke off."""
    import requests
    from tqdm import tqdm  # type: ignore[import-untyped]

    with file.open("ab") as output:
        try:
            fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(f"data set {name} is being downloaded by another process: wait for that") from None
        begun = output.tell()
        rest = {"Range": f"bytes={begun}-"} if begun else {}
        try:
            with (
                requests.get(archive.url, stream=True, timeout=30, headers=rest) as answer,
                tqdm(total=archive.size, unit="B", unit_scale=True, initial=begun, disable=not progress) as bar,
            ):
                _receive(archive, answer, output, bar.update)
        except requests.RequestException as error:
            if not output.tell():
                file.unlink()
            again = f"run `bench fetch {name}` again{', which goes on where it broke off' if output.tell() else ''}"
            raise BenchError(
                f"{archive.url} cannot be downloaded ({_reason(error)}): check the network and {again}"
            ) from error


def _receive(archive: Archive, answer: Any, output: IO[bytes], received: Callable[[int], object]) -> None:
    """Writes what a server answers behind what is there already. Raises what requests raises, and BenchError."""
    if answer.status_code == RANGE_NOT_SATISFIABLE:  # There is nothing behind it: it is whole, or another one.
        return
    answer.raise_for_status()
    if answer.status_code != PARTIAL:  # The server begins anew.
        output.truncate(0)
    for block in answer.iter_content(CHUNK_BYTES):
        output.write(block)
        received(len(block))
        if output.tell() > 2 * archive.size + CHUNK_BYTES:
            output.truncate(0)
            raise BenchError(
                f"{archive.url} is larger than twice the {archive.size:,} bytes that were declared: it was not taken, "
                "report it"
            )


def _verify(name: str, archive: Archive, file: Path) -> None:
    if archive.sha256 is None:
        return
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != archive.sha256:
        raise _wrong_checksum(name, archive, sha256, archive.sha256, "archive")


def _verify_files(name: str, archive: Archive, folder: Path) -> None:
    if archive.files_sha256 is None:
        return
    sha256 = files_sha256(folder, archive.files)
    if sha256 != archive.files_sha256:
        raise _wrong_checksum(name, archive, sha256, archive.files_sha256, "files in it")


def files_sha256(folder: Path, pattern: str) -> str:
    """The checksum of the files below `folder` that match, see `Archive.files_sha256`."""
    digest = hashlib.sha256()
    for path in sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file()):
        with (folder / path).open("rb") as content:
            digest.update(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {path}\n".encode())
    return digest.hexdigest()


def _wrong_checksum(name: str, archive: Archive, here: str, declared: str, what: str) -> BenchError:
    return BenchError(
        f"{archive.url} has a wrong checksum (sha256 {here[:12]}..., not {declared[:12]}...): nothing was kept; "
        f"run `bench fetch {name}` again, and if it repeats, the {what} changed: report it"
    )


def _reason(error: Exception) -> str:
    """The cause of a network error in a few words, without the wrapping of requests."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server says {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in 30 s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return " ".join(str(error).split())


@contextmanager
def _bar(what: str, *, shown: bool) -> Iterator[ProgressCallback]:
    from tqdm import tqdm

    with tqdm(desc=what, unit="file", disable=not shown) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update

"""Gets a data set: downloads it and verifies its checksum, or synthesises it. Its folder appears complete or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from bench.data.folders import building
from bench.data.unpacking import unpack
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import Archive, Dataset
from bench.plugins.contracts import ProgressCallback

CHUNK_BYTES = 2**18
"""Bytes read from the network at a time."""


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
    try:
        with building(root) as folder:
            file = folder.with_name(f"{name}-{PurePosixPath(urlsplit(archive.url).path).name}")
            _download(name, archive, file, progress)
            _verify(name, archive, file)
            unpack(file, folder, strip=archive.strip)
            file.unlink()
    except OSError as error:
        raise cannot_write(root, error) from error
    return root


def _download(name: str, archive: Archive, file: Path, progress: bool) -> None:
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=progress, chunk_size=CHUNK_BYTES, timeout=30)
    try:
        pooch.retrieve(archive.url, known_hash=None, fname=file.name, path=file.parent, downloader=downloader)
    except RequestException as error:
        raise BenchError(
            f"{archive.url} cannot be downloaded ({_reason(error)}): check the network and run `bench fetch {name}` again"
        ) from error


def _verify(name: str, archive: Archive, file: Path) -> None:
    import pooch

    if archive.sha256 is None:
        return
    sha256 = pooch.file_hash(str(file), alg="sha256")
    if sha256 != archive.sha256:
        raise BenchError(
            f"{archive.url} has a wrong checksum (sha256 {sha256[:12]}..., not {archive.sha256[:12]}...): nothing was kept; "
            f"run `bench fetch {name}` again, and if it repeats, the archive has changed: report it"
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
    from tqdm import tqdm  # type: ignore[import-untyped]

    with tqdm(desc=what, unit="file", disable=not shown) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update

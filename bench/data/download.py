"""Getting a data set: downloaded with its checksum verified, or synthesised; whole in its place, or not there at all."""

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

CHUNK = 2**18
"""Bytes read from the network at a time."""


def obtain(dataset: Dataset, data_dir: Path, progress: ProgressCallback) -> Path:
    """The data set's folder; one that is synthesised is made where it is missing. Nothing is downloaded.

    Raises BenchError where it is not there, with what to do.
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
    """Downloads a data set into its official folder, or synthesises it there; one that is there already is left alone.

    `progress` shows a bar on the error stream. Safe to repeat: until everything has arrived, been verified and been
    unpacked, the folder is not there. Raises BenchError without network, on a wrong checksum, on a damaged or unsafe
    archive, and on a full disk.
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
    """Whether the data set makes its own files."""
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
        with building(root) as place:
            file = place.with_name(f"{name}-{PurePosixPath(urlsplit(archive.url).path).name}")
            _download(name, archive, file, progress)
            _verify(name, archive, file)
            unpack(file, place, strip=archive.strip)
            file.unlink()
    except OSError as error:
        raise cannot_write(root, error) from error
    return root


def _download(name: str, archive: Archive, file: Path, progress: bool) -> None:
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=progress, chunk_size=CHUNK, timeout=30)
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
    found = pooch.file_hash(str(file), alg="sha256")
    if found != archive.sha256:
        raise BenchError(
            f"{archive.url} has a wrong checksum (sha256 {found[:12]}..., not {archive.sha256[:12]}...): nothing was kept; "
            f"run `bench fetch {name}` again, and if it repeats, the archive has changed: report it"
        )


def _reason(error: Exception) -> str:
    """The cause of a network error in a few words; requests wraps it in what nobody reads."""
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

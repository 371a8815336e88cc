"""Downloads from a server on this machine: what arrives complete stays, anything else does not."""

from __future__ import annotations

import errno
import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from bench.cli import fetch as fetch_verb
from bench.data.download import fetch
from bench.errors import BenchError
from bench.plugins import Archive, Dataset, Listing

FILES = {"corpus-1.0/cat/1.wav": b"first" * 1000, "corpus-1.0/README.md": b"read me"}


def tar_gz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `content` at every path; while `broken` it hangs up half-way, without it and with `status` it refuses."""

    content = b""
    broken = False
    status = 200
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        half = len(self.server.content) // 2
        self.wfile.write(self.server.content[:half] if self.server.broken else self.server.content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Corpus(Dataset):
    name: ClassVar[str] = "corpus"
    folder: ClassVar[str] = "official-corpus"

    def labels(self) -> tuple[str, ...]:
        return ("cat", "dog")

    def clips(self, root: Path) -> Listing:
        return Listing(())


def corpus(
    server: Server, content: bytes, *, sha256: str | None = "right", strip: int = 1, name: str = "c.tar.gz"
) -> Corpus:
    """The data set whose archive the server holds; `sha256` is its own where it is "right"."""
    server.content = content
    if sha256 == "right":
        sha256 = hashlib.sha256(content).hexdigest()
    url = f"http://127.0.0.1:{server.server_port}/{name}"

    class Here(Corpus):
        archive: ClassVar[Archive | None] = Archive(url=url, sha256=sha256, size=len(content), strip=strip)

    return Here()


def nothing_left(data_dir: Path) -> bool:
    return not data_dir.exists() or list(data_dir.iterdir()) == []


@pytest.mark.parametrize("pack, name", [(tar_gz, "c.tar.gz"), (zipped, "c.zip")])
def test_an_archive_lands_in_its_official_folder(
    server: Server, tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    root = fetch(corpus(server, pack(FILES), name=name), data_dir=tmp_path / "data", progress=False)
    assert root == tmp_path / "data" / "official-corpus"
    assert {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()} == {
        "cat/1.wav": FILES["corpus-1.0/cat/1.wav"],
        "README.md": b"read me",
    }
    assert list(root.parent.iterdir()) == [root]  # the archive is gone


def test_what_is_there_is_left_alone(server: Server, tmp_path: Path) -> None:
    own = tmp_path / "official-corpus" / "mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    fetch(corpus(server, tar_gz(FILES)), data_dir=tmp_path, progress=False)
    assert server.requests == 0 and own.read_text() == "mine"


def test_a_wrong_checksum(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="wrong checksum") as error:
        fetch(corpus(server, tar_gz(FILES), sha256="0" * 64), data_dir=tmp_path / "data", progress=False)
    assert "\n" not in str(error.value)
    assert nothing_left(tmp_path / "data")


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    class Unreachable(Corpus):
        archive: ClassVar[Archive | None] = Archive(url=f"http://127.0.0.1:{port}/c.tar.gz", sha256=None, size=1)

    with pytest.raises(
        BenchError, match=r"no connection to the server\): check the network and run `bench fetch corpus`"
    ):
        fetch(Unreachable(), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")


def test_the_server_refuses(server: Server, tmp_path: Path) -> None:
    dataset = corpus(server, tar_gz(FILES))
    server.status = 404
    with pytest.raises(BenchError, match="the server says 404"):
        fetch(dataset, data_dir=tmp_path / "data", progress=False)


@pytest.mark.parametrize("sha256", ["right", None])
def test_an_interrupted_download_is_repeated(server: Server, tmp_path: Path, sha256: str | None) -> None:
    dataset = corpus(server, tar_gz({**FILES, "corpus-1.0/noise": bytes(range(256)) * 2000}), sha256=sha256)
    server.broken = True
    with pytest.raises(BenchError, match="the connection broke off"):
        fetch(dataset, data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")
    server.broken = False
    assert (fetch(dataset, data_dir=tmp_path / "data", progress=False) / "cat" / "1.wav").is_file()


@pytest.mark.parametrize("pack", [tar_gz, zipped])
@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "corpus-1.0/../../outside.txt"])
def test_a_path_out_of_the_folder_is_refused(
    server: Server, tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    dataset = corpus(server, pack({**FILES, name: b"evil"}), strip=0)
    with pytest.raises(BenchError, match="unsafe"):
        fetch(dataset, data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_link_out_of_the_folder_is_refused(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        link = tarfile.TarInfo("corpus-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../etc"
        file.addfile(link)
    with pytest.raises(BenchError, match="unsafe"):
        fetch(corpus(server, buffer.getvalue(), strip=0), data_dir=tmp_path / "data", progress=False)


@pytest.mark.parametrize("content", [b"<html>moved</html>", tar_gz({"a": bytes(range(256)) * 400})[:-40]])
def test_what_is_no_complete_archive_is_not_unpacked(server: Server, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BenchError, match=r"no tar or zip archive|damaged"):
        fetch(corpus(server, content, sha256=None, strip=0), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")


def test_a_changed_byte_is_noticed_without_a_checksum_of_ours(server: Server, tmp_path: Path) -> None:
    """gzip keeps one behind the last member, where tarfile does not read."""
    content = bytearray(tar_gz({"a.wav": np.random.default_rng(0).bytes(50_000)}))
    content[len(content) // 2] ^= 0x55
    with pytest.raises(BenchError, match="damaged"):
        fetch(corpus(server, bytes(content), sha256=None, strip=0), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")


def test_a_synthesised_data_set_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    class Spoken(Corpus):
        complete: bool

        def prepare(self, root: Path, progress: Callable[[int, int], None]) -> None:
            root.mkdir()
            (root / "1.wav").write_bytes(b"1")
            progress(1, 2)
            if not self.complete:
                raise KeyboardInterrupt
            (root / "2.wav").write_bytes(b"2")

    with pytest.raises(KeyboardInterrupt):
        fetch(Spoken(complete=False), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")
    root = fetch(Spoken(complete=True), data_dir=tmp_path / "data", progress=False)
    assert sorted(path.name for path in root.iterdir()) == ["1.wav", "2.wav"]


def test_a_full_disk_is_one_line_of_a_synthesised_data_set(tmp_path: Path) -> None:
    class Large(Corpus):
        def prepare(self, root: Path, progress: Callable[[int, int], None]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BenchError, match=r"no space left to write .*corpus: free some"):
        fetch(Large(), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")


def test_a_data_set_of_ones_own_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is your own"):
        fetch(Corpus(), data_dir=tmp_path, progress=False)


def test_the_verb_says_what_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "free-spoken-digit-dataset").mkdir()
    app = Typer()
    app.command()(fetch_verb.command)
    result = CliRunner().invoke(app, ["fsdd", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"fsdd is there already: {tmp_path / 'free-spoken-digit-dataset'}\n"

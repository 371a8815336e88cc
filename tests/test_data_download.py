"""Downloads from a server on this machine: what arrives complete stays, anything else does not."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from bench.cli import fetch as fetch_verb
from bench.data.download import fetch, files_sha256
from bench.errors import BenchError
from bench.plugins import Archive, Dataset, Listing
from bench.plugins.registry import installed

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


def deflated(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `content` at every path; while `broken` it hangs up half-way, without it and with `status` it refuses."""

    content = b""
    broken = False
    status = 200
    resumes = True
    requests = 0
    asked: list[str]
    sent = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.server.asked.append(self.path)
        content, status = self.server.content, self.server.status
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if begin and self.server.resumes:
            status = 206 if begin < len(content) else 416
            content = content[begin:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        content = content[: len(content) // 2] if self.server.broken else content
        self.wfile.write(content)
        self.server.sent += len(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
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
    server: Server,
    content: bytes,
    *,
    sha256: str | None = "right",
    strip: int = 1,
    name: str = "c.tar.gz",
    **declared: Any,
) -> Corpus:
    """The data set whose archive the server holds; `sha256` is its own where it is "right"."""
    server.content = content
    if sha256 == "right":
        sha256 = hashlib.sha256(content).hexdigest()
    url = f"http://127.0.0.1:{server.server_port}/{name}"
    if sha256 is None:
        declared.setdefault("files_sha256", "0" * 64)

    class Here(Corpus):
        archive: ClassVar[Archive | None] = Archive(
            **{"url": url, "sha256": sha256, "size": len(content), "strip": strip, **declared}
        )

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
        archive: ClassVar[Archive | None] = Archive(url=f"http://127.0.0.1:{port}/c.tar.gz", sha256="0" * 64, size=1)

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


BIG = {**FILES, "corpus-1.0/noise": np.random.default_rng(0).bytes(700_000)}


@pytest.mark.parametrize("resumes", [True, False])
def test_a_cut_download_goes_on_where_it_broke_off(server: Server, tmp_path: Path, resumes: bool) -> None:
    """Or begins anew, if the server cannot do that."""
    dataset = corpus(server, tar_gz(BIG))
    server.broken, server.resumes = True, resumes
    for _ in range(2):
        with pytest.raises(BenchError, match=r"the connection broke off.*goes on where it broke off"):
            fetch(dataset, data_dir=tmp_path / "data", progress=False)
    (part,) = (tmp_path / "data").iterdir()
    size = len(server.content)
    kept = part.stat().st_size
    assert size / 2 < kept < size if resumes else 0 < kept <= size / 2
    server.broken, server.sent = False, 0
    root = fetch(dataset, data_dir=tmp_path / "data", progress=False)
    assert (root / "noise").read_bytes() == BIG["corpus-1.0/noise"]
    assert server.sent == (size - kept if resumes else size)
    assert list(root.parent.iterdir()) == [root]


def test_a_rest_of_another_archive_is_noticed_and_costs_one_more_try(server: Server, tmp_path: Path) -> None:
    dataset = corpus(server, tar_gz(BIG))
    part = tmp_path / "data" / ".corpus-c.tar.gz.part"
    part.parent.mkdir()
    for rest in (b"another" * 1000, server.content + b"more"):
        part.write_bytes(rest)
        with pytest.raises(BenchError, match="wrong checksum"):
            fetch(dataset, data_dir=tmp_path / "data", progress=False)
        assert nothing_left(tmp_path / "data")
    part.write_bytes(server.content)  # whole: only its unpacking was cut
    assert (fetch(dataset, data_dir=tmp_path / "data", progress=False) / "cat" / "1.wav").is_file()


def test_two_downloads_at_once(server: Server, tmp_path: Path) -> None:
    dataset = corpus(server, tar_gz(FILES))
    part = tmp_path / "data" / ".corpus-c.tar.gz.part"
    part.parent.mkdir()
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BenchError, match="is being downloaded by another process: wait for that"):
            fetch(dataset, data_dir=tmp_path / "data", progress=False)
    assert fetch(dataset, data_dir=tmp_path / "data", progress=False).is_dir()


def test_a_proxy_is_asked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is one that only a proxy could know."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    dataset = corpus(server, tar_gz(FILES), url="http://corpus.example/c.tar.gz")
    assert (fetch(dataset, data_dir=tmp_path, progress=False) / "cat" / "1.wav").is_file()
    assert server.asked == ["http://corpus.example/c.tar.gz"]


def test_files_have_a_checksum_where_their_archive_has_none(server: Server, tmp_path: Path) -> None:
    """It is that of the shell, whatever else the archive holds."""
    lines = f"{hashlib.sha256(FILES['corpus-1.0/cat/1.wav']).hexdigest()}  cat/1.wav\n"
    right = {"sha256": None, "files": "cat/*.wav", "files_sha256": hashlib.sha256(lines.encode()).hexdigest()}
    root = fetch(
        corpus(server, tar_gz({**FILES, "corpus-1.0/new": b"x"}), **right), data_dir=tmp_path / "a", progress=False
    )
    assert files_sha256(root, "cat/*.wav") == right["files_sha256"]
    for changed in ({"corpus-1.0/cat/1.wav": b"other"}, {**FILES, "corpus-1.0/cat/2.wav": b""}, {"corpus-1.0/x": b"x"}):
        with pytest.raises(BenchError, match=r"wrong checksum .*the files in it changed"):
            fetch(corpus(server, tar_gz(changed), **right), data_dir=tmp_path / "b", progress=False)
        assert nothing_left(tmp_path / "b")


def test_plain_http_without_a_checksum_is_not_asked(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="without a checksum over a connection that anybody on the way can change"):
        fetch(corpus(server, tar_gz(FILES), sha256=None, files_sha256=None), data_dir=tmp_path / "data", progress=False)
    assert server.requests == 0 and nothing_left(tmp_path / "data")


@pytest.mark.parametrize("pack", [tar_gz, deflated])
@pytest.mark.parametrize("unpacked", [None, 100_000])
def test_what_unpacks_to_far_more_than_was_declared_is_stopped(
    server: Server, tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], unpacked: int | None
) -> None:
    content = pack({"corpus-1.0/zeros": bytes(3_000_000)})
    assert len(content) < 30_000
    with pytest.raises(BenchError, match=r"unsafe and was not unpacked: it holds more than [\d,]+ bytes"):
        fetch(corpus(server, content, unpacked=unpacked), data_dir=tmp_path / "data", progress=False)
    assert nothing_left(tmp_path / "data")
    assert fetch(corpus(server, content, unpacked=2_000_000), data_dir=tmp_path / "data", progress=False).is_dir()


def test_an_archive_that_is_far_larger_than_declared_is_not_taken(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="larger than twice the 1,000 bytes that were declared"):
        fetch(corpus(server, bytes(2_000_000), size=1000), data_dir=tmp_path / "data", progress=False)
    assert sum(path.stat().st_size for path in (tmp_path / "data").iterdir()) == 0


def test_every_data_set_that_is_downloaded_has_a_checksum() -> None:
    datasets = installed().datasets.values()
    archives = {dataset.name: dataset.archive for dataset in datasets if dataset.archive is not None}
    assert {"fsdd", "esc-50", "speech-commands-v2"} & archives.keys()
    for name, archive in archives.items():
        assert archive.sha256 or archive.files_sha256, name
        assert archive.limit() < 3 * archive.size, f"{name} does not say how large it is unpacked"


def test_the_recordings_of_fsdd_are_those_on_record(shared_data: Path) -> None:
    archive = installed().datasets["fsdd"].archive
    assert archive is not None
    assert files_sha256(shared_data / "free-spoken-digit-dataset", archive.files) == archive.files_sha256


def test_a_data_set_without_a_checksum_is_got_by_hand(tmp_path: Path) -> None:
    emodb = installed().datasets["emodb"]()
    with pytest.raises(
        BenchError, match=r"no archive with a checksum: get it by hand \(.*emodb.*\), look at it, and unpack"
    ):
        fetch(emodb, data_dir=tmp_path, progress=False)


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

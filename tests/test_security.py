"""What others wrote (archives, results, caches, plugins, labels, files) is only ever read; nothing secret is said."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plugin_packages
import pytest
import reporting_results
import soak_checks
import torch
import tracking_samples
from cli_runner import run_process
from failing_studies import QUICK
from faulty_plugins import install, model
from made_audio import cats_and_dogs, prepared
from markdown_it import MarkdownIt
from pydantic import ValidationError

import bench
from bench.data.folders import building
from bench.data.preparation import load_noise, load_split
from bench.data.unpacking import unpack
from bench.errors import BenchError
from bench.files import write_atomically
from bench.plugins import PluginConfig
from bench.plugins.registry import installed, load
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.publishing import dataset_file_name
from bench.reporting.trained_network import TrainedNetwork
from bench.results.study_folder import StudyFolder, checked_name
from bench.results.study_records import RunRecord, StudyRecord
from bench.tracking import run_contents
from bench.tracking.access import KEY_VARIABLE
from bench.tracking.server import Server, free_port
from bench.tracking.tracker import Tracker

# Archives


def linked(kind: bytes, target: str) -> list[tarfile.TarInfo]:
    """A link, and a file that would be written through it."""
    link, through = tarfile.TarInfo("corpus/link"), tarfile.TarInfo("corpus/link/evil.txt")
    link.type, link.linkname = kind, target
    return [link, through]


def special(kind: bytes) -> list[tarfile.TarInfo]:
    """A device or a pipe."""
    member = tarfile.TarInfo("corpus/device")
    member.type, member.devmajor, member.devminor = kind, 1, 3
    return [member]


@pytest.mark.parametrize(
    "members",
    [
        [tarfile.TarInfo("../evil.txt")],
        [tarfile.TarInfo("/evil.txt")],
        [tarfile.TarInfo("corpus/../../evil.txt")],
        linked(tarfile.SYMTYPE, "../../outside"),
        linked(tarfile.SYMTYPE, "/outside"),
        linked(tarfile.LNKTYPE, "../../outside/secret.txt"),
        linked(tarfile.LNKTYPE, "/etc/passwd"),
        special(tarfile.CHRTYPE),
        special(tarfile.BLKTYPE),
        special(tarfile.FIFOTYPE),
    ],
    ids=lambda members: f"{members[0].name}-{members[0].type!r}-{members[0].linkname}",
)
def test_a_tar_archive_writes_nothing_outside_and_makes_no_devices(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    secret = write_secret(tmp_path)
    archive = tmp_path / "corpus.tar"
    with tarfile.open(archive, "w") as file:
        for member in members:
            file.addfile(member, io.BytesIO())
    with pytest.raises(BenchError, match="unsafe and was not unpacked"):
        unpack(archive, tmp_path / "data" / "corpus")
    nothing_outside(tmp_path, archive, secret)


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", r"..\evil.txt", "C:/evil.txt"])
def test_a_zip_archive_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    secret = write_secret(tmp_path)
    archive = tmp_path / "corpus.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "evil")
    with pytest.raises(BenchError, match="unsafe and was not unpacked"):
        unpack(archive, tmp_path / "data" / "corpus")
    nothing_outside(tmp_path, archive, secret)


def test_a_zip_archive_with_a_password_is_said(tmp_path: Path) -> None:
    archive = tmp_path / "corpus.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("corpus/a.txt", "a")
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # as the headers of encrypted members have it
        content[content.index(signature) + flags] |= 1
    archive.write_bytes(content)
    with pytest.raises(BenchError, match=r"corpus.zip cannot be unpacked here \(.*encrypted.*\): unpack it by hand"):
        unpack(archive, tmp_path / "data" / "corpus")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_zip_archive_makes_plain_files_alone(tmp_path: Path, kind: int) -> None:
    archive = tmp_path / "corpus.zip"
    with zipfile.ZipFile(archive, "w") as file:
        member = zipfile.ZipInfo("link")
        member.create_system, member.external_attr = 3, (kind | 0o777) << 16
        file.writestr(member, "../../outside")
    unpack(archive, tmp_path / "corpus")
    made = tmp_path / "corpus" / "link"
    assert stat.S_ISREG(made.lstat().st_mode) and made.read_text() == "../../outside"


def write_secret(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    secret = tmp_path / "outside" / "secret.txt"
    secret.write_text("secret")
    return secret


def nothing_outside(tmp_path: Path, archive: Path, secret: Path) -> None:
    inside = tmp_path / "data" / "corpus"
    files = {path for path in tmp_path.rglob("*") if path.is_file() and inside not in path.parents}
    assert files == {archive, secret} and secret.read_text() == "secret"
    assert not any(path.is_symlink() or not (path.is_file() or path.is_dir()) for path in tmp_path.rglob("*"))
    assert not Path("/evil.txt").exists()


# Pickles


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Evil]:
    """Where it is unpickled in a test, the test fails."""
    bait = Evil(tmp_path / "ran")
    pickle.loads(pickle.dumps(bait))
    assert bait.mark.exists(), "it does run where it is unpickled"
    bait.mark.unlink()
    yield bait
    assert not bait.mark.exists()


def test_predictions_are_not_unpickled(tmp_path: Path, evil: Evil) -> None:
    study, _ = reporting_results.make_study(tmp_path / "results")
    final = study.finals()[0]
    path = study.run_folder(final) / "validation.npz"
    np.savez(path, labels=np.array([evil], dtype=object), ids=np.array([evil], dtype=object))
    with pytest.raises(BenchError, match="cannot be read"):
        study.predictions(final, "validation")
    path.write_bytes(pickle.dumps(evil))
    with pytest.raises(BenchError, match="cannot be read"):
        study.predictions(final, "validation")


def test_decoded_audio_is_not_unpickled(tmp_path: Path, evil: Evil) -> None:
    from bench_plugins.datasets.folder import Folder

    data = prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio", 10))), tmp_path)
    for content_of_file in (pickled_array(evil), pickle.dumps(evil)):
        (data.caches[8000] / "train.npy").write_bytes(content_of_file)
        (data.caches[8000] / "noise.npy").write_bytes(content_of_file)
        with pytest.raises(BenchError, match="gone or damaged"):
            load_split(data, "train", sample_rate=8000)
        with pytest.raises(BenchError, match="gone or damaged"):
            load_noise(data, sample_rate=8000)


def pickled_array(evil: Evil) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([evil], dtype=object))
    return buffer.getvalue()


def test_weights_are_not_unpickled(tmp_path: Path, evil: Evil) -> None:
    study = StudyFolder(tmp_path / "digits")
    run, outcome = tracking_samples.finished(0)
    spec = run.spec.model_copy(update={"feature": PluginConfig(name="mel"), "model": PluginConfig(name="cnn")})
    final = run.model_copy(update={"kind": "final", "number": 1, "spec": spec})
    study.save(final, replace(outcome, weights=b"PK"))
    (folder := study.run_folder(final)).joinpath("weights.safetensors").unlink()
    for name in ("weights.pt", "weights.safetensors"):
        torch.save({"weight": evil}, folder / name)
        with pytest.raises(BenchError, match="weights of digits/final-1-seed-0"):
            TrainedNetwork(study, final, tracking_samples.study_record().data, registry=installed())
        (folder / name).write_bytes(pickle.dumps(evil))
        with pytest.raises(BenchError, match="weights of digits/final-1-seed-0"):
            TrainedNetwork(study, final, tracking_samples.study_record().data, registry=installed())


# Names


NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[click](https://evil.example/pixel.html)",
    "![x](https://evil.example/pixel.png)",
    "</code></pre>|\n\n# Heading\n\n```\n<b>out</b>",
)
ALLOWED = ("table", "thead", "tbody", "tr", "th", "td", "p", "h1", "h2", "h3", "h4", "ul", "li", "ol", "em", "strong")
ALLOWED += ("code", "pre", "br", "hr", "details", "summary", "blockquote", "img", "a")


def harmless(markdown: str) -> None:
    """What it becomes in a reader that lets HTML through, as the most careless one does."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    for found in ("<script", "<img src=x", "onerror=alert(1)>", "evil.example/pixel", "<b>"):
        position = html.find(found)
        assert position < 0 or not _is_markup(html, position), html[max(0, position - 200) : position + 100]
    assert "<h1>Heading</h1>" not in html


def _is_markup(html: str, position: int) -> bool:
    """Whether what stands there is a tag, or inside of one, rather than text that shows."""
    opened, closed = html.rfind("<", 0, position + 1), html.rfind(">", 0, position)
    return opened > closed


def test_the_check_finds_what_is_not_escaped() -> None:
    for text in NASTY:
        with pytest.raises(AssertionError):
            harmless(f"of {text}")


def test_labels_and_names_become_no_markup_in_pages_and_reports(tmp_path: Path) -> None:
    """Labels are folders' names, groups and ids are files', notes and origins are what plugins say."""
    from bench.reporting.build_leaderboard import build_leaderboard
    from bench.reporting.publishing import publish
    from bench.reporting.run_report import write_report

    study, _ = reporting_results.make_study(tmp_path / "results", labels=NASTY, notes=NASTY)
    final = study.finals()[0]
    report = write_report(study, final, tmp_path / "report", registry=installed())
    harmless(report.markdown.read_text())
    pages = publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages")
    for page in pages:
        if page.suffix == ".md":
            harmless(page.read_text())


@pytest.mark.parametrize("nasty", NASTY)
def test_notes_on_mlflow_are_escaped(nasty: str) -> None:
    record = tracking_samples.study_record()
    data = record.data.model_copy(update={"notes": (nasty,), "labels": (nasty, nasty, nasty)})
    record = record.model_copy(update={"data": data, "enqueued": (nasty,), "command": f"bench run --dataset {nasty!r}"})
    harmless(run_contents.study_note(record))
    run = tracking_samples.finished(0)[0]
    failed = run.model_copy(update={"result": run.result.model_copy(update={"status": "failed", "reason": nasty})})
    harmless(run_contents.run_tags(failed)["mlflow.note.content"])
    harmless(run_contents.experiment_tags(nasty, "accuracy")["mlflow.note.content"])
    harmless(run_contents.study_result(nasty, {nasty: 1.0}))


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b", "a\\b", "", ".hidden", "<b>", "a\nb", "x" * 101])
def test_a_plugin_whose_name_is_no_file_name_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = plugin_packages.TINY_MODEL.replace('"{name}"', repr(name))
    plugin_packages.install(tmp_path, "evil-names", source)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        registry = load(only=["evil_names"])
    finally:
        sys.modules.pop("evil_names", None)
    assert registry.models == {}
    (problem,) = registry.problems
    assert "a name is of letters, digits" in str(problem) and "\n" not in str(problem)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b", "", ".", "..", ".hidden", "a\nb", "artifacts"])
def test_a_study_whose_name_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(BenchError):
        checked_name(name)


@pytest.mark.parametrize("reference", ["folder:/a/../../etc/passwd", "csv:..", "folder:/", "csv:<b>.csv", "..", "/"])
def test_a_data_set_becomes_a_file_name_that_leads_nowhere(reference: str) -> None:
    name = dataset_file_name(reference)
    assert Path(name).name == name and name not in (".", "..") and "<" not in name


EVIL_NAMES = ("x/../../../evil", "..", "/tmp/evil", "a\\..\\b", "", ".ssh", "a\0b", "a\nb", "x" * 300)


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize(
    ("record", "where"),
    [
        ("page", ("protocols", 0, "rows", 0, "id")),
        ("page", ("protocols", 0, "rows", 0, "runs", 0, "run")),
        ("page", ("predictions", "file")),
        ("page", ("protocols", 0, "studies", 0, "name")),
        ("run", ("study",)),
        ("study", ("name",)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_a_name_of_a_record_that_leads_elsewhere_makes_no_record(
    published: dict[str, Any], record: str, where: tuple[Any, ...], name: str
) -> None:
    """Names of rows, runs and files become parts of paths, and pages and results are handed around."""
    written = copy.deepcopy(published[record])
    holder = written
    for key in where[:-1]:
        holder = holder[key]
    kind: Any = {"page": Leaderboard, "run": RunRecord, "study": StudyRecord}[record]
    kind.model_validate_json(json.dumps(written))
    holder[where[-1]] = name
    with pytest.raises(ValidationError, match="no name that a file or folder can have"):
        kind.model_validate_json(json.dumps(written))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A page, a run and a study as they are written."""
    from bench.reporting.build_leaderboard import build_leaderboard
    from bench.reporting.publishing import publish

    folder = tmp_path_factory.mktemp("published")
    study, _ = reporting_results.make_study(folder / "results")
    page = publish(build_leaderboard(folder / "results", "blobs"), folder / "pages", results=folder / "results")[1]
    return {
        "path": page,
        "page": json.loads(page.read_text()),
        "run": json.loads(study.finals()[0].model_dump_json()),
        "study": json.loads(study.record().model_dump_json()),
    }


def test_a_row_that_leads_elsewhere_is_refused_by_name(published: dict[str, Any], tmp_path: Path) -> None:
    evil = copy.deepcopy(published["page"])
    evil["protocols"][0]["rows"][0]["id"] = "x/../../../evil"
    (tmp_path / "page.json").write_text(json.dumps(evil))
    with pytest.raises(BenchError, match=r"rows\.0\.id.*no name that a file or folder can have"):
        bench.reproduce(f"{tmp_path / 'page.json'}:x/../../../evil", results=tmp_path / "a" / "b" / "c")
    assert [path.name for path in tmp_path.iterdir()] == ["page.json"]


@pytest.mark.parametrize(("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o002, 0o664, 0o775)])
def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int, file: int, folder: int) -> None:
    """A group that shares a folder can write there, and what is nobody else's business stays so."""
    archive = tmp_path / "corpus.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("corpus/a.wav")
        member.mode = 0o644
        tar.addfile(member, io.BytesIO())
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "new" / "record.json", "{}")
        with building(tmp_path / "cache" / "built") as made:
            unpack(archive, made)
    finally:
        os.umask(before)
    for path in (tmp_path / "new" / "record.json", tmp_path / "cache" / "built" / "corpus" / "a.wav"):
        assert stat.S_IMODE(path.stat().st_mode) == file
        assert stat.S_IMODE(path.parent.stat().st_mode) == folder


# What is said, and to whom


WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        with open(os.environ["BENCH_TEST_CALLS"], "a") as file:
            file.write(f"{event} {arguments[1:] if event != 'socket.getaddrinfo' else arguments[:2]}\\n")
sys.addaudithook(watch)
"""
"""A sitecustomize that writes down whom every Python process below calls."""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Calls to anywhere but this machine, of all processes that are started in the test."""
    watch = tmp_path / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    record = tmp_path / "calls.txt"
    record.touch()
    monkeypatch.setenv("BENCH_TEST_CALLS", str(record))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(watch), os.environ.get("PYTHONPATH")])))
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
        monkeypatch.delenv(name, raising=False)

    def elsewhere() -> list[str]:
        home = ("127.0.0.1", "localhost", "::1", "('/")  # the last: a socket in a file, as MLflow seeks containers
        return [line for line in record.read_text().splitlines() if "(" in line and not any(at in line for at in home)]

    return elsewhere


@pytest.mark.slow
def test_a_study_on_a_server_calls_nobody_else_and_keeps_the_password_to_itself(
    tmp_path: Path, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole study with a password in its tracking address, and the server it reports to: telemetry would show, too."""
    install(tmp_path / "plugins", "smallest", model("tiny"), monkeypatch)
    cats_and_dogs(tmp_path / "audio", 10)
    (tmp_path / "server").mkdir()
    Tracker(tmp_path / "server").close()  # makes the database
    port = free_port("127.0.0.1", 0)
    assert port is not None
    uri = f"sqlite:///{tmp_path / 'server' / 'mlflow.db'}"
    monkeypatch.setenv(KEY_VARIABLE, "s3cret")
    server = Server(uri, tmp_path / "server", host="127.0.0.1", port=port, writable=True)
    monkeypatch.delenv(KEY_VARIABLE)
    try:
        server.wait_until_ready()
        processes = below(os.getpid())
        serving = [pid for pid in processes if b"bench.tracking.serving" in soak_checks.command_of(pid)]
        assert serving and all(b"MLFLOW_DISABLE_TELEMETRY=true" in environment(pid) for pid in serving)
        assert {address for pid in processes for address in listening(pid)} == {f"127.0.0.1:{port}"}
        words = ("run", "--dataset", f"folder:{tmp_path}/audio", "--models", "tiny", *QUICK, "--trials", "2")
        done = run_process(*words, "--study", "mine", "--tracking-uri", f"http://ann:s3cret@127.0.0.1:{port}")
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    finally:
        server.stop()
    told = [path for path in (tmp_path / "results", tmp_path / "cache", tmp_path / "server") if path.exists()]
    files = [path for folder in told for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
    assert calls() == []


def test_the_watch_on_calls_sees_one(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    """192.0.2.1 is for documentation: nobody answers there."""
    code = "import socket; s = socket.socket(); s.settimeout(0.1); s.connect_ex(('192.0.2.1', 9))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert any("192.0.2.1" in call for call in calls())


def test_a_server_for_others_is_said(tmp_path: Path) -> None:
    """Loopback is the default; `--host 0.0.0.0` says what it means."""
    from bench.cli import ui

    with Tracker(tmp_path) as tracker:
        tracker.start_study(tracking_samples.study_record())
    command = [sys.executable, "-c", "import typer; from bench.cli.ui import command as c; a = typer.Typer(); "]
    command[-1] += "a.command()(c); a()"
    port = free_port("0.0.0.0", 0)
    process = subprocess.Popen(
        [*command, "--results", str(tmp_path), "--host", "0.0.0.0", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    try:
        assert f"what goes to 0.0.0.0:{port} is not encrypted" in process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert ui.LOOPBACK[0] == "127.0.0.1"


def below(pid: int) -> list[int]:
    """All processes that `pid` started, and those that they did."""
    children = soak_checks.children(pid)
    return children + [grandchild for child in children for grandchild in below(child)]


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def listening(pid: int) -> set[str]:
    """Addresses, IPv4 as they are written, on which a process waits for connections."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(handle))  # noqa: PTH115 (a socket's name is no path)
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):  # of this network, which the process shares; it may have ended by now
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].partition(":")
                numbers = ".".join(str(byte) for byte in bytes.fromhex(address)[::-1]) if len(address) == 8 else address
                found.add(f"{numbers}:{int(port, 16)}")
    return found

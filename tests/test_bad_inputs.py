"""Hundreds of inputs that people get wrong end in one line that says so, at once, and nothing is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bad_inputs import BadInput, bad_inputs, records
from cli_runner import refusal, run
from made_audio import cats_and_dogs
from reporting_results import study_record

SECONDS = 20.0
"""Processor time that a refusal may take: the clock would tell what else the machine does."""
HERE = ("--dry-run", "--workers", "0")
"""What stands before a bad input: if it is accepted, nothing is trained."""
SMALL = ("--models", "tc-resnet", "--features", "mel")


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cats_and_dogs(tmp_path_factory.mktemp("sounds") / "audio", 10)


@pytest.fixture
def here(tmp_path: Path, audio: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is typed: it holds the folder `audio`, and a file."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "audio").symlink_to(audio)
    (folder / "a-file").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_RESULTS_DIR", "bench-results")
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def check(given: BadInput, here: Path) -> None:
    for path, content in given.files.items():
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = contents(here)
    begun = time.process_time()
    # What is tried may be one of these options, and stands after them.
    small = () if given.kind == "toml" or "--resume" in given.words else SMALL
    done = run("run", *HERE, *small, *given.words)
    assert time.process_time() - begun < SECONDS
    assert done.returncode in (1, 2)
    line = refusal(done, code=done.returncode)
    assert not line.startswith("bench: unexpected") and "Traceback" not in done.stdout + done.stderr
    assert line.isprintable(), "no control sequence reaches the terminal"
    assert len(line) < 1000
    after = contents(here)
    left = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert not {path for path in left if not path.startswith("bench-results")}, "nothing is written outside"
    assert not list((here / "bench-results").glob("*/trial-*/run.json")), "and nothing was trained"


@pytest.mark.parametrize("given", bad_inputs(), ids=lambda given: given.name)
def test_a_bad_input_is_refused_in_one_line(given: BadInput, here: Path) -> None:
    check(given, here)


@pytest.mark.parametrize("given", list(records(study_record().model_dump_json())), ids=lambda given: given.name)
def test_a_bad_record_is_refused_in_one_line(given: BadInput, here: Path) -> None:
    check(given, here)


def test_they_are_many() -> None:
    assert len(bad_inputs()) > 300

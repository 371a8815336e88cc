"""Exit codes of studies, and what `bench.run` raises: 0 and nothing only where what was asked for is done."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from api_classes import QUICK, Averaging
from cli_runner import refusal, run
from made_audio import cats_and_dogs
from torch import Tensor, nn

import bench
from bench.cli.main import main
from bench.errors import BenchError
from bench.plugins import Model
from bench.results.study_folder import StudyFolder

QUICK_WORDS = (
    *("--models", "tc-resnet", "--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "1"),
    *("--finalists", "1", "--final-seeds", "1", "--workers", "0", "--threads", "1", "--study", "mine"),
)


class Interrupting(Model):
    """Presses Ctrl-C while it is built for a trial."""

    name: ClassVar[str] = "interrupting"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        network = Averaging(shape[0], classes)
        if network.linear.weight.device.type != "meta":
            signal.raise_signal(signal.SIGINT)
        return network


class FailsWhenTested(Averaging):
    """Raises in the first final: as it has no pruning, the second network that is trained."""

    trained = 0

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__(bands, classes)
        type(self).trained += self.linear.weight.device.type != "meta"

    def forward(self, features: Tensor) -> Tensor:
        if self.trained > 1 and features.device.type != "meta":
            raise KeyError("the cable is loose")
        return super().forward(features)


class Failing(Model):
    """Its finals fail."""

    name: ClassVar[str] = "failing"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return FailsWhenTested(shape[0], classes)


@pytest.fixture
def audio(tmp_path: Path) -> str:
    return f"folder:{cats_and_dogs(tmp_path / 'audio', 10)}"


def study(audio: str, **options: Any) -> bench.Study:
    return bench.run(audio, **{**QUICK, "study": "mine", **options})


def test_ctrl_c_from_python_finishes_what_runs_and_raises(audio: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match="study mine was stopped after 1 trials"):
        study(audio, models=[Interrupting])
    (trial,) = StudyFolder(tmp_path / "results" / "mine").trials()
    assert trial.result.status == "complete"


def test_finals_that_all_fail_are_an_error(audio: str) -> None:
    with pytest.raises(
        BenchError,
        match=r"none of 1 finals was complete, the last was failed: [\w./]+:\d+: KeyError: 'the cable is loose'",
    ):
        study(audio, trials=1, models=[Failing])


def test_a_time_limit_that_leaves_no_trial_is_an_error_in_python_and_on_the_command_line(audio: str) -> None:
    with pytest.raises(BenchError, match="timeout left no time for a trial"):
        study(audio, timeout=0)
    done = run("run", "--dataset", audio, *QUICK_WORDS[:-2], "--timeout", "0")
    assert done.returncode == 1 and "bench: --timeout left no time for a trial" in done.stderr
    assert "to continue: bench run --resume" in done.stdout


def test_a_time_limit_that_leaves_some_trials_is_kept_to(audio: str) -> None:
    assert run("run", "--dataset", audio, *QUICK_WORDS, "--trials", "1").returncode == 0
    done = run("run", "--resume", "mine", "--trials", "5", "--timeout", "0")
    assert done.returncode == 0 and "1 of 5 trials are done" in done.stdout


class Gone(io.StringIO):
    """An output that nobody reads any more, as after `| head`: it takes some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines -= text.count("\n")
        if self._lines < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


def test_an_output_that_nobody_reads_any_more_ends_the_study_with_the_resume_command_on_the_error_stream(
    audio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["bench", "run", "--dataset", audio, *QUICK_WORDS, "--trials", "5"])
    monkeypatch.setattr(sys, "stdout", Gone(lines=5))
    monkeypatch.setattr(sys, "stderr", errors)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = [line for line in errors.getvalue().splitlines() if "warning" not in line]
    assert len(said) == 1 and said[0].startswith("to continue: bench run --resume mine")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "| head -c 10"])
def test_a_closed_output_is_no_fault(closed: str) -> None:
    words = f"{sys.executable} -P -m bench list models {closed}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)
    assert "unexpected" not in done.stderr and "Traceback" not in done.stderr and "ignored" not in done.stderr


def test_a_study_cannot_have_the_name_of_a_file_of_the_harness(audio: str) -> None:
    for name in ("mlflow.db", "mlflow.db-wal", "artifacts", "leaderboards"):
        refusal(
            run("run", "--dataset", audio, "--study", name), f"study name {name!r} is that of another file or folder"
        )


def test_a_study_without_finalists_is_not_to_be_finished(audio: str) -> None:
    """To resume it would do nothing."""
    assert run("run", "--dataset", audio, *QUICK_WORDS, "--trials", "1", "--finalists", "0").returncode == 0
    refusal(run("leaderboard", audio), "study mine tests nothing, by its --finalists 0; start another with finalists")


@pytest.mark.parametrize(
    ("space", "said"), [(3, "damaged"), ({"searched": 5}, "damaged"), ({}, "have changed since it began")]
)
def test_a_space_that_is_none_is_one_line(audio: str, tmp_path: Path, space: Any, said: str) -> None:
    assert run("run", "--dataset", audio, *QUICK_WORDS, "--trials", "1", "--finalists", "0").returncode == 0
    path = tmp_path / "results" / "mine" / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "space": space}))
    refusal(run("run", "--resume", "mine"), said)


def test_a_page_of_a_folder_that_cannot_be_written_to_is_printed_alone(
    audio: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a colleague, say."""
    study(audio, trials=1)

    def refuse(path: Path, content: object) -> None:
        raise BenchError(f"{path.parent} cannot be written to")

    monkeypatch.setattr("bench.reporting.publishing.write_atomically", refuse)
    refusal(run("leaderboard", audio), "cannot be written to")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    done = run("leaderboard", audio)
    assert done.returncode == 0 and "tc-resnet" in done.stdout
    assert "so no page was written: --publish FOLDER" in done.stderr


def test_names_that_are_not_read_as_utf_8_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with LC_ALL=C where Python's own remedies are switched off: names that are in UTF-8 look as if they were not."""
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    done = run("list", "models")
    assert done.returncode == 0 and "read as ascii here, not as UTF-8: set PYTHONUTF8=1" in done.stderr

"""Exit codes of studies, and what `bench.run` raises: 0 and nothing only where what was asked for is done."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from api_classes import QUICK, Averaging
from cli_runner import run
from made_audio import cats_and_dogs
from torch import Tensor, nn

import bench
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
        BenchError, match="none of 1 finals was complete, the last was failed: KeyError: 'the cable is loose'"
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

"""`bench lr-find`, run for real on tones made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from made_audio import cats_and_dogs
from typer.testing import CliRunner, Result

from bench.cli import lr_find
from bench.errors import BenchError


@pytest.fixture
def audio(tmp_path: Path) -> str:
    return f"folder:{cats_and_dogs(tmp_path / 'audio')}"


def invoke(*words: str) -> Result:
    app = typer.Typer()
    app.command("lr-find")(lr_find.command)
    return CliRunner().invoke(app, words)


def refusal(*words: str) -> str:
    result = invoke(*words)
    assert isinstance(result.exception, BenchError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


QUICK = ("--set", "training.batch_size=4", "--set", "feature.mel.sample_rate=8000", "--threads", "1")


def test_parts_are_tested_and_the_curve_is_kept(tmp_path: Path, audio: str) -> None:
    result = invoke("-d", audio, "--feature", "mel", "--model", "tc-resnet", *QUICK, "-o", str(tmp_path / "out"))
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "out" / "range-test.png").read_bytes().startswith(b"\x89PNG")
    header, *points = (tmp_path / "out" / "range-test.csv").read_text().splitlines()
    assert header == "learning_rate,loss" and 10 < len(points) <= 100
    suggestion = float(result.stdout.split("suggested learning rate: ")[1].split(",")[0])
    assert any(float(point.split(",")[0]) == pytest.approx(suggestion, rel=0.01) for point in points)
    assert f"training.learning_rate={suggestion:.2e}" in result.stdout


def test_a_recipe_is_tested_on_the_data_set_named(tmp_path: Path, audio: str) -> None:
    result = invoke("digits-tc-resnet8", "-d", audio, "--set", "training.batch_size=4", "--threads", "1")
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "results" / "lr-find-digits-tc-resnet8-folder" / "range-test.png").is_file()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name a recipe, or give"),
        (("digits-cnn", "--model", "cnn"), "name a recipe, or give"),
        (("--feature", "mel", "--model", "cnn"), "name a recipe, or give"),
        (("digits-cnnn",), "did you mean digits-cnn"),
        (("-d", "AUDIO", "--feature", "mell", "--model", "cnn"), "did you mean mel"),
        (("-d", "AUDIO", "--feature", "waveform", "--model", "tc-resnet"), "none of the models"),
        (("-d", "AUDIO", "--feature", "mel", "--model", "cnn", "--set", "training.epoch=1"), "training.epochs"),
        (("-d", "AUDIO", "--feature", "mel", "--model", "cnn", "--device", "tpu"), "choose auto"),
    ],
)
def test_wrong_use_is_one_line(audio: str, words: tuple[str, ...], complaint: str) -> None:
    assert complaint in refusal(*(audio if word == "AUDIO" else word for word in words))

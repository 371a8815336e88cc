"""`bench lr-find`, run for real on tones made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import refusal, run
from made_audio import cats_and_dogs


@pytest.fixture
def audio(tmp_path: Path) -> str:
    return f"folder:{cats_and_dogs(tmp_path / 'audio')}"


QUICK = ("--set", "training.batch_size=4", "--set", "feature.mel.sample_rate=8000", "--threads", "1")


def test_parts_are_tested_and_the_curve_is_kept(tmp_path: Path, audio: str) -> None:
    result = run(
        "lr-find", "-d", audio, "--feature", "mel", "--model", "tc-resnet", *QUICK, "-o", str(tmp_path / "out")
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "range-test.png").read_bytes().startswith(b"\x89PNG")
    header, *points = (tmp_path / "out" / "range-test.csv").read_text().splitlines()
    assert header == "learning_rate,loss" and 10 < len(points) <= 100
    suggestion = float(result.stdout.split("suggested learning rate: ")[1].split(",")[0])
    assert any(float(point.split(",")[0]) == pytest.approx(suggestion, rel=0.01) for point in points)
    assert f"training.learning_rate={suggestion:.2e}" in result.stdout


def test_a_recipe_is_tested_on_the_data_set_named(tmp_path: Path, audio: str) -> None:
    result = run("lr-find", "digits-tc-resnet8", "-d", audio, "--set", "training.batch_size=4", "--threads", "1")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "results" / "lr-find-digits-tc-resnet8-folder-audio" / "range-test.png").is_file()


@pytest.mark.parametrize(
    ("code", "words", "complaint"),
    [
        (2, (), "name a recipe, or give"),
        (2, ("digits-cnn", "--model", "cnn"), "name a recipe, or give"),
        (2, ("--feature", "mel", "--model", "cnn"), "name a recipe, or give"),
        (1, ("digits-cnnn",), "did you mean digits-cnn"),
        (1, ("-d", "AUDIO", "--feature", "mell", "--model", "cnn"), "did you mean mel"),
        (1, ("-d", "AUDIO", "--feature", "waveform", "--model", "tc-resnet"), "none of the models"),
        (1, ("-d", "AUDIO", "--feature", "mel", "--model", "cnn", "--set", "training.epoch=1"), "training.epochs"),
        (2, ("-d", "AUDIO", "--feature", "mel", "--model", "cnn", "--device", "tpu"), "--device tpu: it should be"),
    ],
)
def test_wrong_use_is_one_line(audio: str, code: int, words: tuple[str, ...], complaint: str) -> None:
    refusal(run("lr-find", *(audio if word == "AUDIO" else word for word in words)), complaint, code=code)

"""`bench figure` on a run that was trained on tones."""

from __future__ import annotations

from pathlib import Path

import cli_runner
import pytest
from cli_runner import Result
from figure_runs import train_on_tones
from made_audio import cats_and_dogs
from reporting_results import fitted, run_record, save, study_record

from bench.cli import figure
from bench.reporting.feature_comparison import write_comparison
from bench.reporting.run_figures import FIGURE_KINDS
from bench.results.study_folder import StudyFolder

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds results/tones with one final, and the recordings in tones/."""
    made = tmp_path_factory.mktemp("figure")
    train_on_tones(made)
    return made


def run(*words: str, results: Path | None = None) -> Result:
    there = () if results is None else ("--results", results)
    return cli_runner.run("figure", *words, *there)


def refusal(*words: str, results: Path, code: int = 1) -> str:
    return cli_runner.refusal(run(*words, results=results), code=code)


def test_the_kinds_are_those_that_are_drawn() -> None:
    assert set(figure.KIND_NAMES) == {*FIGURE_KINDS, *figure.OF_SEVERAL}


@pytest.mark.parametrize("kind", [kind for kind in FIGURE_KINDS if kind not in ("range-test", "alluvial")])
def test_every_kind_of_a_run(kind: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / f"{kind}.png"
    done = run(kind, "tones", "--output", str(output), results=folder / "results")
    assert done.returncode == 0, done.stderr
    assert output.read_bytes().startswith(PNG)
    assert done.stdout.strip() == str(output)


def test_the_alluvial_plot_with_what_is_right(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("alluvial", "tones/final-1-seed-0", "--correct", results=folder / "results")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "alluvial-tones-final-1-seed-0.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("classes", ()), ("clip", ("--feature", "mfcc", "--set", "feature.mfcc.sample_rate=8000"))],
)
def test_a_data_set_without_any_run(
    kind: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cats_and_dogs(tmp_path / "pets", clips=20)
    done = run(kind, f"folder:{tmp_path / 'pets'}", "--set", "dataset.test=0.2", *words)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes().startswith(PNG)


def test_named_clips_of_a_run_with_another_feature(folder: Path, tmp_path: Path) -> None:
    feature = ("--feature", "spectrogram", "--set", "feature.spectrogram.sample_rate=8000")
    named = ("--clip", "cat/s0_0.wav", "--clip", "dog/s1_1.wav", "--output", str(tmp_path / "clips.png"))
    done = run("clip", "tones", *feature, *named, results=folder / "results")
    assert done.returncode == 0, done.stderr
    assert "no clip 'cat/x.wav'" in refusal("clip", "tones", "--clip", "cat/x.wav", results=folder / "results")


def test_audio_that_is_no_longer_decoded_is_decoded_again(folder: Path, tmp_path: Path) -> None:
    study = StudyFolder(folder / "results" / "tones")
    record = study.record()
    elsewhere = StudyFolder(tmp_path / "results" / "tones")
    elsewhere.write(record.model_copy(update={"data": record.data.model_copy(update={"caches": {}})}))
    (final,) = study.finals()
    elsewhere.run_folder(final).mkdir()
    for name in ("run.json", "weights.safetensors"):
        (elsewhere.run_folder(final) / name).write_bytes((study.run_folder(final) / name).read_bytes())
    done = run("activations", "tones", "--output", str(tmp_path / "a.png"), results=tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_feature_against_feature_of_a_study_and_of_runs(tmp_path: Path) -> None:
    results = tmp_path / "results"
    record = study_record("both")
    study = StudyFolder(results / "both")
    study.write(record)
    for number, feature in enumerate(("mel", "mfcc", "mel")):
        predictions = fitted(seed=number)
        trial = run_record(record, number=number, predictions=predictions, width=1.0 + number)
        config = trial.spec.feature.model_copy(update={"name": feature})
        trial = trial.model_copy(update={"spec": trial.spec.model_copy(update={"feature": config})})
        save(study, trial, predictions)
    for name, targets in (("all.png", ("both",)), ("two.png", ("both/trial-0000", "both/trial-0001"))):
        done = run("comparison", *targets, "--output", str(tmp_path / name), results=results)
        assert done.returncode == 0, done.stderr
    written = write_comparison(study, tmp_path / "leaderboard" / "comparison.png")
    assert [path.read_bytes() for path in written] == [(tmp_path / "all.png").read_bytes()]
    same = ("both/trial-0000", "both/trial-0002")
    assert "no two features of any model" in refusal("comparison", *same, results=results)
    assert "no complete run of model 'cnn': known: logistic" in refusal(
        "comparison", "both", "--model", "cnn", results=results
    )


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (2, ("pool", "tones"), "unknown kind of figure 'pool': did you mean pooled?"),
        (1, ("curves", "tone"), "did you mean tones?"),
        (1, ("classes", "fsd"), "nor a data set: did you mean fsdd?"),
        (2, ("curves", "tones", "tones"), "a figure of kind curves has one target, and here are 2"),
        (1, ("range-test", "tones"), "tones/final-1-seed-0 has no range test"),
        (2, ("filters", "folder:pets"), "folder:pets is a data set, and filters is a figure of a run"),
        (
            2,
            ("curves", "tones", "--clip", "a.wav"),
            "--clip is for figures of kind clip, activations, pooled, not for curves",
        ),
        (2, ("confusion", "tones", "--correct"), "--correct is for figures of kind alluvial"),
        (2, ("classes", "tones", "--set", "dataset.test=0.2"), "the run's data set has its options"),
        (2, ("clip", "tones", "--set", "dataset.test=0.2"), "the run's data set has its options"),
        (2, ("clip", "tones", "--set", "model.cnn.blocks=3"), "--set model.cnn.blocks has nothing to set here"),
        (1, ("clip", "tones", "--feature", "mell"), "unknown feature 'mell': did you mean mel"),
    ],
)
def test_wrong_usage_is_one_line(code: int, words: tuple[str, ...], said: str, folder: Path) -> None:
    assert said in refusal(*words, results=folder / "results", code=code)

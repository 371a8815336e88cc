"""Python calls that cannot do what they ask for: one line, of the words of Python, and nothing half done."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from api_classes import QUICK, Averaging, Mean
from made_audio import cats_and_dogs
from torch import nn

import bench
from bench.options import checked_options, flag, in_keywords
from bench.plugins import Model
from bench.reporting.commands import portable_command

OWN: dict[str, Any] = {**QUICK, "trials": 1, "models": [Mean]}


class Nameless(Model):
    """A model without a name."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Averaging(shape[0], classes)


class Leaving(Model):
    """A model that ends the program."""

    name: ClassVar[str] = "leaving"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        sys.exit("that was all")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    """A finished study with a class of this file, which tests only read."""
    root = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        return bench.run(f"folder:{cats_and_dogs(root / 'audio')}", results=root / "results", **OWN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 3, "settings": {"training.epochs": 4}}, "epochs and settings training.epochs say the same"),
        (
            {"workers": 0, "executor": "ray", "threads": None},
            "workers 0 runs trials inside this process, and executor ray does not",
        ),
        ({"threads": 2, "executor": "ray"}, "threads is for executor local: with ray, cpus_per_trial says"),
        ({"models": [Nameless]}, "has no name: give the class one"),
        ({"models": [Nameless()]}, "has no name: give the class one"),
        ({"device": "cuda:7"}, "device cuda:7"),
        ({"progress": "no"}, "progress 'no': it should be True or False"),
        ({"settings": {"training.epoch": 3}}, "settings training.epoch: no such option here"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio")
    with pytest.raises(bench.BenchError) as error:
        bench.run(f"folder:{audio}", results=tmp_path / "results", **{**OWN, "epochs": None, **options})
    assert message in str(error.value) and "--" not in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("dataset", [None, 3, Path("recordings")])
def test_a_data_set_that_is_no_text(dataset: Any) -> None:
    with pytest.raises(bench.BenchError, match="a data set is named by text, as 'fsdd'"):
        bench.run(dataset)


def test_flags_stay_flags_in_whole_commands_alone() -> None:
    message = "study 'x' exists: choose another --study, or go on with bench run --resume x --workers 2; --set a=1"
    assert in_keywords(message) == (
        "study 'x' exists: choose another study, or go on with bench run --resume x --workers 2; settings a=1"
    )


def test_on_the_command_line_the_same_complaint_has_flags() -> None:
    with pytest.raises(bench.BenchError, match=r"^--epochs and --set training.epochs say the same: leave one out$"):
        checked_options({"epochs": 3, "settings": ["training.epochs=4"]}, spell=flag)


def test_a_class_that_cannot_be_sent_leaves_nothing_behind(tmp_path: Path) -> None:
    with (tmp_path / "open.txt").open("w") as handle:

        class Holding(Mean):
            name: ClassVar[str] = "holding"

            def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
                handle.write("built")
                return super().build(shape, classes)

        options = {**OWN, "models": [Holding], "workers": 1, "results": tmp_path / "results"}
        with pytest.raises(bench.BenchError, match="model holding cannot be sent to worker processes"):
            bench.run(f"folder:{cats_and_dogs(tmp_path / 'audio')}", **options)
    assert not (tmp_path / "results").exists()


def test_a_model_that_ends_the_program_is_a_failed_trial(tmp_path: Path) -> None:
    with pytest.raises(bench.BenchError, match=r"none of 1 trials was complete, .* SystemExit: that was all"):
        bench.run(
            f"folder:{cats_and_dogs(tmp_path / 'audio')}",
            results=tmp_path / "results",
            **{**OWN, "models": [Leaving]},
        )


def test_a_call_is_recorded_whole_and_published_without_paths(study: bench.Study) -> None:
    command = study._folder.record().command
    assert "models=[Mean], features=['mel'], epochs=1" in command and "results='/" in command
    published = portable_command(command)
    assert published.startswith("bench.run('folder:") and "models=[Mean]" in published and "results" not in published


def test_a_class_that_is_missing_is_asked_for(study: bench.Study) -> None:
    with pytest.raises(bench.BenchError, match=r"bench.resume\('audio-1', plugins=\[...\]\)"):
        bench.resume(study.folder, trials=2)
    with pytest.raises(bench.BenchError, match=r"give it, plugins=\[...\]"):
        bench.load_model(study.best.folder)


def test_runs_are_found_by_folder_by_name_and_from_home(study: bench.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    results = study.folder.parent
    monkeypatch.setenv("BENCH_RESULTS_DIR", str(results))
    monkeypatch.setenv("HOME", str(results.parent))
    monkeypatch.chdir(results.parent)
    references = [study.folder, "audio-1", "results/audio-1", "~/results/audio-1", os.path.relpath(study.folder)]
    assert {bench.load_study(reference).folder for reference in references} == {study.folder}
    runs = [*references, "audio-1/final-1", "audio-1/final-1-seed-0", "~/results/audio-1/final-1-seed-0"]
    assert {bench.load_model(run, plugins=[Mean]).labels for run in runs} == {("cat", "dog")}
    with pytest.raises(bench.BenchError, match="no study 'audio-2' in"):
        bench.load_study("results/audio-2")


@pytest.mark.parametrize("files", [None, 3, b"a.wav", ["a.wav", 3]])
def test_what_is_no_file_cannot_be_classified(study: bench.Study, files: Any) -> None:
    model = bench.load_model(study.best.folder, plugins=[Mean])
    with pytest.raises(bench.BenchError, match="predict takes paths of audio files"):
        model.predict(files)


@pytest.mark.parametrize("waveform", [[[0.0, 1.0], [0.5]], "a.wav", [None, 0.0], object()])
def test_what_is_no_waveform(study: bench.Study, waveform: Any) -> None:
    with pytest.raises(bench.BenchError, match="waveform"):
        bench.load_model(study.best.folder, plugins=[Mean]).predict_waveform(waveform, sample_rate=8000)


def test_no_files_give_an_empty_table_of_the_same_types(study: bench.Study) -> None:
    model = bench.load_model(study.best.folder, plugins=[Mean])
    none, one = model.predict([]), model.predict(sorted((study.folder.parents[1] / "audio").glob("*/*.wav"))[:1])
    assert len(none) == 0 and list(none.dtypes) == list(one.dtypes) and list(none.columns) == list(one.columns)


def test_predictions_that_a_run_does_not_have(study: bench.Study) -> None:
    for run, split in ((study.trials[0], "test"), (study.best, "train")):
        with pytest.raises(bench.BenchError, match=f"has no predictions of '{split}'"):
            run.predictions(split)  # type: ignore[arg-type]


def test_what_a_notebook_shows_is_short(study: bench.Study) -> None:
    model, leaderboard = bench.load_model(study.best.folder, plugins=[Mean]), study.leaderboard()
    assert "mean-of-frames on mel: 2 classes, clips of 0.5 s at 8000 Hz" in repr(model)
    assert repr(leaderboard).startswith("<Leaderboard folder:") and "1 rows" in repr(leaderboard)
    assert leaderboard._repr_html_().startswith("<table")


def test_a_class_that_was_changed_in_the_notebook_is_not_taken_for_the_old_one(study: bench.Study) -> None:
    class Mean2(Model):
        """Another network of the same name."""

        name: ClassVar[str] = Mean.name

        def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
            return nn.Sequential(Averaging(shape[0], 7), nn.Linear(7, classes))

    with pytest.raises(bench.BenchError, match="mean-of-frames"):
        bench.resume(study.folder, trials=2, plugins=[Mean2])

"""Studies from Python, inside the test's own process: what they give, and what they refuse."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from api_classes import QUICK, Mean
from made_audio import cats_and_dogs, tone, write

import bench
from bench.plugins.registry import installed
from bench_plugins.features import Mel


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    """A finished study of two classes, which the tests of this file only read."""
    root = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        return bench.run(f"folder:{cats_and_dogs(root / 'audio')}", results=root / "results", **QUICK)


def test_a_study_as_tables(study: bench.Study) -> None:
    trials = study.trials_dataframe()
    assert list(trials.index) == [0, 1] and list(trials["status"]) == ["complete", "complete"]
    for column in ("model", "feature", "validation_accuracy", "train_seconds", "training.epochs", "feature.n_mels"):
        assert column in trials.columns
    assert (trials["training.epochs"] == 1).all() and (trials["feature.sample_rate"] == 8000).all()
    assert list(study.finals_dataframe().index) == ["final-1-seed-0"]
    table = study.leaderboard().to_dataframe()
    assert isinstance(table, pd.DataFrame) and len(table) == 1
    assert table.loc[0, "model"] == "tc-resnet"
    assert table.loc[0, "test_accuracy"] == study.best.test.accuracy  # type: ignore[union-attr]
    assert study.options.trials == 2 and study.options.threads == 1
    assert "2 of 2 trials, 1 finals" in repr(study)


def test_the_best_run(study: bench.Study) -> None:
    best = study.best
    assert best.name == "final-1-seed-0" and best.status == "complete" and not best.reason
    assert best.validation is not None and best.test is not None
    assert best.parameters["training.epochs"] == 1
    assert list(best.epochs_dataframe().index) == [1]
    clips = best.predictions("test")
    assert (clips["predicted"] == clips["label"]).mean() == best.test.accuracy
    assert np.allclose(clips[["cat", "dog"]].sum(axis=1), 1, atol=1e-5)
    assert (best.folder / "report" / "report.md").is_file()


def test_the_network_gives_what_the_run_has_on_record(study: bench.Study) -> None:
    """Clip by clip, to the last digits of a batch of another size."""
    model = study.best.load_model()
    root = Path(str(study._folder.record().dataset.options["path"]))
    on_record = study.best.predictions("test")
    predicted = model.predict([root / clip for clip in on_record.index])
    assert list(predicted.columns) == ["file", "label", "probability", "cat", "dog"]
    assert list(predicted["label"]) == list(on_record["predicted"])
    assert np.allclose(predicted[["cat", "dog"]], on_record[["cat", "dog"]], atol=1e-5)
    assert np.allclose(predicted["probability"], predicted[["cat", "dog"]].max(axis=1))


def test_files_of_any_rate_channels_and_length(study: bench.Study, tmp_path: Path) -> None:
    model = bench.load_model(study.best.folder)
    assert (model.sample_rate, model.labels, model.seconds) == (8000, ("cat", "dog"), 0.5)
    sound = tone(3, seconds=0.5, sample_rate=44_100)
    files = [
        write(tmp_path / "mono.wav", sound, 44_100),
        write(tmp_path / "stereo.flac", np.stack([sound, sound], axis=1), 44_100),
        write(tmp_path / "short.wav", tone(3, seconds=0.1)),
        write(tmp_path / "long.ogg", tone(3, seconds=7.3, sample_rate=22_050), 22_050),
    ]
    table = model.predict(files)
    assert list(table["file"]) == [str(file) for file in files]
    assert np.allclose(table[["cat", "dog"]].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(
        table.loc[0, ["cat", "dog"]].astype(float), table.loc[1, ["cat", "dog"]].astype(float), atol=1e-3
    )
    assert len(model.predict([])) == 0
    assert list(model.predict(str(files[0]))["label"]) == [table.loc[0, "label"]]


def test_a_long_recording_is_the_mean_of_its_windows(study: bench.Study, tmp_path: Path) -> None:
    model = study.best.load_model()
    parts = [tone(seed, seconds=0.5) for seed in (1, 2, 3)]
    whole = write(tmp_path / "whole.wav", np.concatenate(parts))
    files = [write(tmp_path / f"{number}.wav", part) for number, part in enumerate(parts)]
    means = model.predict(files)[["cat", "dog"]].mean()
    assert np.allclose(model.predict(whole)[["cat", "dog"]].iloc[0].astype(float), means, atol=1e-6)


def test_waveforms(study: bench.Study, tmp_path: Path) -> None:
    model = study.best.load_model()
    sound = tone(4, seconds=0.5, sample_rate=44_100)
    row = model.predict_waveform(sound, sample_rate=44_100)
    assert list(row.index) == ["label", "probability", "cat", "dog"]
    stereo = model.predict_waveform(np.stack([sound, sound]), sample_rate=44_100)
    integers = model.predict_waveform((sound * 32767).astype(np.int16), sample_rate=44_100)
    soundfile.write(tmp_path / "same.wav", sound, 44_100, subtype="FLOAT")
    from_file = model.predict(tmp_path / "same.wav").iloc[0]
    for other in (stereo, integers, from_file):
        assert abs(float(other["cat"]) - float(row["cat"])) < 1e-3
    for wrong in (np.zeros((2, 3, 4)), np.zeros(0), np.array(["a"]), np.array([np.nan])):
        with pytest.raises(bench.BenchError, match="waveform"):
            model.predict_waveform(wrong, sample_rate=8000)
    for wrong, words in (
        (np.stack([sound, sound], axis=1), "give its transpose, waveform.T"),
        (sound[:, None], "give its transpose, waveform.T"),
        (sound * 32768, "of floats in -1..1: divide it by its full scale"),
    ):
        with pytest.raises(bench.BenchError, match=words):
            model.predict_waveform(wrong, sample_rate=44_100)
    for rate in ("8000", 0.5, float("inf"), float("nan"), None):
        with pytest.raises(bench.BenchError, match="a sample rate is a number of samples per second"):
            model.predict_waveform(sound, sample_rate=rate)  # type: ignore[arg-type]
    features = model.front_end(__import__("torch").zeros(1, 4000))
    assert model.network(features).shape == (1, 2)


def test_files_that_cannot_be_classified(study: bench.Study, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    model = study.best.load_model()
    for name in ("text.wav", "nowhere.wav"):
        with pytest.raises(bench.BenchError, match=f"{name} cannot be classified"):
            model.predict([tmp_path / name])
    with pytest.raises(bench.BenchError, match="trial-0000 has no weights"):
        study.trials[0].load_model()
    with pytest.raises(bench.BenchError, match="no study"):
        bench.load_model(tmp_path / "nowhere" / "final-1-seed-0")


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench.run(f"folder:{cats_and_dogs(tmp_path / 'audio')}", **QUICK)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_progress_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench.run(f"folder:{cats_and_dogs(tmp_path / 'audio')}", progress=True, **QUICK)
    out = capfd.readouterr().out
    assert "study: audio-1, 2 trials" in out and "[2/2]" in out and "trials inside this process" in out


def test_a_study_that_runs_can_be_looked_at(tmp_path: Path) -> None:
    """It also runs in a thread, where no signal handler can be set."""
    results = tmp_path / "results"
    audio = cats_and_dogs(tmp_path / "audio")
    options = {**QUICK, "trials": 6}
    thread = threading.Thread(target=lambda: bench.run(f"folder:{audio}", results=results, **options))
    thread.start()
    seen = set()
    while thread.is_alive():
        if (results / "audio-1" / "study.json").is_file():
            seen.add(len(bench.load_study(results / "audio-1").trials_dataframe()))
    thread.join()
    assert len(bench.load_study(results / "audio-1").trials_dataframe()) == 6
    assert len(seen - {6}) > 1, "it was seen on its way"


def test_classes_and_instances_among_names(tmp_path: Path) -> None:
    study = bench.run(
        f"folder:{cats_and_dogs(tmp_path / 'audio')}",
        **{**QUICK, "models": [Mean, "tc-resnet"], "features": [Mel(n_mels=64, sample_rate=8000)], "settings": {}},
    )
    trials = study.trials_dataframe()
    assert set(trials["model"]) == {"mean-of-frames", "tc-resnet"} and (trials["feature.n_mels"] == 64).all()
    assert Mean.name not in installed().models
    final = next(run for run in study.finals)
    if final.record.spec.model.name == Mean.name:
        with pytest.raises(bench.BenchError, match=r"model mean-of-frames of .* give it, plugins="):
            bench.load_model(final.folder)
    bench.load_model(final.folder, plugins=[Mean])
    assert len(bench.resume(study.folder, plugins=[Mean], trials=3).trials) == 3
    with pytest.raises(bench.BenchError, match="mean-of-frames"):
        bench.resume(study.folder, trials=4)


def test_what_is_refused(tmp_path: Path) -> None:
    audio = f"folder:{cats_and_dogs(tmp_path / 'audio')}"
    for options, words in (
        ({"trails": 3}, "no such option 'trails': did you mean trials"),
        ({"trials": 0}, "trials 0: it should be greater than or equal to 1"),
        ({"models": ["tc-resnt"]}, "unknown model 'tc-resnt': did you mean tc-resnet"),
        ({"models": [int]}, "models"),
        ({"settings": {"training.epoch": 1}}, "training.epoch: no such option here, did you mean training.epochs"),
        ({"device": "tpu"}, "device tpu: it should be 'auto', 'cpu' or 'cuda'"),
        ({"trials": True}, "trials True: it should not be true or false"),
        ({"progress": "yes"}, "progress 'yes': it should be True or False"),
    ):
        with pytest.raises(bench.BenchError) as refused:
            bench.run(audio, **{**QUICK, **options})
        assert words in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(bench.BenchError, match="unknown dataset 'fsd'"):
        bench.run("fsd", **QUICK)
    with pytest.raises(bench.BenchError, match="no study 'nowhere'"):
        bench.load_study(tmp_path / "nowhere")


def test_a_resume_keeps_all_that_can_change_digits_or_load(tmp_path: Path) -> None:
    first = bench.run(f"folder:{cats_and_dogs(tmp_path / 'audio')}", trial_budget=100, max_unusable=0.5, **QUICK)
    again = bench.resume(first.folder, trials=3)
    kept = again.options
    assert (kept.workers, kept.threads, kept.trial_budget, kept.max_unusable) == (0, 1, 100, 0.5)
    assert kept.trials == 3 and len(again.trials) == 3
    assert bench.resume(first.folder, trial_budget=50).options.trial_budget == 50
    with pytest.raises(bench.BenchError, match="seed cannot change a study that has begun"):
        bench.resume(first.folder, seed=3)
    with pytest.raises(bench.BenchError, match="no such option 'trils': did you mean trials"):
        bench.resume(first.folder, trils=3)


def test_networks_with_too_many_parameters_are_infeasible(tmp_path: Path) -> None:
    options = {**QUICK, "models": ["tc-resnet", "cnn"], "finalists": 1, "trials": 4}
    study = bench.run(f"folder:{cats_and_dogs(tmp_path / 'audio')}", max_parameters=80_000, **options)
    trials = study.trials_dataframe()
    with pytest.raises(
        bench.BenchError, match=r"none of 4 trials was complete, the last was infeasible: .* are allowed"
    ):
        bench.run(f"folder:{tmp_path / 'audio'}", max_parameters=10, **options)
    too_large = trials[trials["status"] == "infeasible"]
    assert len(too_large) and too_large["reason"].str.contains("parameters, and 80,000 are allowed").all()
    assert (too_large["train_seconds"] == 0).all()
    assert (trials[trials["status"] == "complete"]["network_parameters"] <= 80_000).all()
    with pytest.raises(bench.BenchError, match="max_parameters cannot change a study that has begun"):
        bench.resume(study.folder, max_parameters=100_000)


def test_a_recipe_is_run_again(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio")
    result = bench.reproduce(
        "cats-dogs-cnn1d",
        dataset=f"folder:{audio}",
        settings={"training.epochs": 1},
        seeds=1,
        workers=0,
        threads=1,
    )
    table = result.to_dataframe()
    assert list(table["figure"]) == ["validation_accuracy", "test_accuracy"] and table["published"].isna().all()
    assert result.runs[0].load_model().labels == ("cat", "dog")


def test_plugins_as_a_table() -> None:
    table = bench.list_plugins()
    assert list(table.columns) == ["kind", "name", "summary", "package", "version"]
    assert {"dataset", "feature", "model", "recipe", "augmentation", "executor"} == set(table["kind"])
    assert table[table["name"] == "tc-resnet"]["package"].item() == "bench-audio"


def test_a_class_that_the_test_split_lacks_is_said_and_is_in_no_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(36):
        split = ("train", "train", "val", "test")[number // 3 % 4]
        label = ("cat", "dog", "owl")[number % 3]
        if (split, label) != ("test", "owl"):
            write(tmp_path / "audio" / split / label / f"{number}.wav", tone(number))
    found = bench.run(f"folder:{tmp_path / 'audio'}", progress=True, **{**QUICK, "trials": 1})
    assert "no clips of owl in the test split: means over classes there are over the others" in capsys.readouterr().err
    test = found.best.test
    assert test is not None and test.absent == ("owl",)
    assert test.balanced_accuracy == test.accuracy, "of two classes of equal size"

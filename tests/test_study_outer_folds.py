"""A study with outer folds: trials see one, finals train and test all, and a row is the mean over them."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
from made_audio import cats_and_dogs, tone, write

import bench
from bench.data.preparation import load_split
from bench.reporting.leaderboard_page import render_leaderboard
from bench.reporting.publishing import publish
from bench.reporting.verification import verify
from bench.results.study_folder import StudyFolder

FOLDS = ["s0", "s1", "s2", "s3", "s4"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    folder = tmp_path_factory.mktemp("folds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        return small_study(
            cats_and_dogs(folder / "own"),
            folder / "results",
            protocol="leave-one-group-out",
            trials=2,
            finalists=1,
            final_seeds=2,
        )


def small_study(recordings: Path, results: Path, **options: Any) -> bench.Study:
    """A study of one epoch inside this process, with the speakers of the file names."""
    return bench.run(
        f"folder:{recordings}",
        settings={"dataset.group": r"^(\w+)_", "feature.mel.sample_rate": 8000},
        models=["tc-resnet"],
        features=["mel"],
        epochs=1,
        workers=0,
        threads=1,
        results=results,
        **options,
    )


def runs_of(study: bench.Study) -> StudyFolder:
    return StudyFolder(Path(study.folder))


def test_trials_never_read_the_clips_that_their_fold_tests(study: bench.Study) -> None:
    trials = runs_of(study).trials()
    assert len(trials) == 2 and {trial.spec.fold for trial in trials} == {"s0"}
    for trial in trials:
        predictions = runs_of(study).predictions(trial, "validation")
        assert "s0" not in predictions.groups and trial.result.test is None


def test_finals_test_every_fold_with_every_seed(study: bench.Study) -> None:
    finals = runs_of(study).finals()
    assert [(run.spec.fold, run.repeat) for run in finals] == [(fold, seed) for fold in FOLDS for seed in (0, 1)]
    assert finals[0].name == "final-1-fold-s0-seed-0"
    assert len({run.spec.configuration() for run in finals}) == 1
    data = runs_of(study).record().data
    for run in finals:
        predictions = runs_of(study).predictions(run, "test")
        assert set(predictions.groups) == {run.spec.fold}
        assert set(predictions.ids) == set(load_split(data.of_fold(run.spec.fold), "test", sample_rate=8000).ids)


def test_a_row_is_the_mean_over_folds(study: bench.Study) -> None:
    leaderboard = study.leaderboard()
    (row,) = leaderboard.rows()
    finals = runs_of(study).finals()
    of_seeds = [
        statistics.fmean(run.result.test.accuracy for run in finals if run.repeat == seed and run.result.test)
        for seed in (0, 1)
    ]
    assert row.test["accuracy"].n == 2
    assert row.test["accuracy"].mean == pytest.approx(statistics.fmean(of_seeds))
    assert row.test["accuracy"].deviation == pytest.approx(statistics.stdev(of_seeds))
    assert [fold.name for fold in row.folds] == FOLDS and {fold.clips for fold in row.folds} == {8}
    assert statistics.fmean(fold.test["accuracy"].mean for fold in row.folds) == pytest.approx(
        statistics.fmean(of_seeds)
    )
    page = render_leaderboard(leaderboard, source="x.json")
    assert "Protocol: leave-one-group-out, 5 outer folds: s0, s1, s2, s3, s4" in page
    assert "chosen on the training and validation clips of outer fold s0" in page


def test_a_resume_in_the_finals_runs_what_is_left(study: bench.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", str(Path(study.folder).parents[1] / "cache"))
    folder = runs_of(study)
    times = {run.name: (folder.run_folder(run) / "run.json").stat().st_mtime_ns for run in folder.finals()}
    lost = ["final-1-fold-s1-seed-1", "final-1-fold-s4-seed-0"]
    before = {name: folder.predictions(run, "test") for run in folder.finals() if (name := run.name) in lost}
    for name in lost:
        shutil.rmtree(Path(study.folder) / name)
    bench.resume(study.folder)
    for run in folder.finals():
        unchanged = times[run.name] == (folder.run_folder(run) / "run.json").stat().st_mtime_ns
        assert unchanged == (run.name not in lost)
        if run.name in lost:
            assert (before[run.name].probabilities == folder.predictions(run, "test").probabilities).all()
    assert len(folder.trials()) == 2


def test_a_seed_without_all_folds_is_in_no_figure(study: bench.Study, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(Path(study.folder).parent, tmp_path / "results"))
    name = Path(study.folder).name
    shutil.rmtree(copy / name / "final-1-fold-s2-seed-0")
    (row,) = bench.load_study(copy / name).leaderboard().rows()
    assert row.test["accuracy"].n == 1
    assert [fold.test["accuracy"].n for fold in row.folds] == [2, 2, 1, 2, 2]


def test_a_nested_search_chooses_in_every_fold_and_tests_there(
    study: bench.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Path(study.folder).parents[1]
    monkeypatch.setenv("BENCH_CACHE_DIR", str(parts / "cache"))
    nested = small_study(parts / "own", tmp_path / "results", protocol="k-fold:2", nested=True, trials=3, final_seeds=1)
    folder = runs_of(nested)
    names = [run.name for run in (*folder.trials(), *folder.finals())]
    assert names == [
        *(f"trial-fold-{fold}-{number:04d}" for number in range(3) for fold in (1, 2)),
        *(f"final-1-fold-{fold}-seed-0" for fold in (1, 2)),
    ]
    data = folder.record().data
    for run in folder.finals():
        tested = set(folder.predictions(run, "test").ids)
        of_fold = folder.trials(run.spec.fold)
        best = max(of_fold, key=lambda trial: (trial.result.validation.accuracy, -trial.result.validation.loss))  # type: ignore[union-attr]
        assert best.spec.configuration() == run.spec.configuration()
        for trial in of_fold:
            assert not tested & set(folder.predictions(trial, "validation").ids)
            assert not tested & set(load_split(data.of_fold(trial.spec.fold), "train", sample_rate=8000).ids)
    (row,) = nested.leaderboard().rows()
    assert row.origin == "nested search" and len(row.folds) == 2
    assert "searched anew in every outer fold" in render_leaderboard(nested.leaderboard(), source="x.json")
    assert row.test_interval is not None and row.test_interval.folds == 2
    _, published = publish(nested.leaderboard(), tmp_path / "pages", results=folder.folder.parent)
    assert verify(published).differences == ()
    before = sorted(path.stat().st_mtime_ns for path in folder.folder.glob("*/run.json"))
    bench.resume(nested.folder)
    assert sorted(path.stat().st_mtime_ns for path in folder.folder.glob("*/run.json")) == before


def test_the_model_of_a_fold_has_the_length_of_its_fold(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own", 15)
    for label in ("cat", "dog"):
        for take in range(2):
            write(root / label / f"s0_long{take}.wav", tone(50 + 2 * take + (label == "cat"), 1.0))
    found = small_study(
        root, tmp_path / "results", protocol="leave-one-group-out", trials=1, finalists=1, final_seeds=1
    )
    assert [fold.seconds for fold in runs_of(found).record().data.folds] == [0.5, 1.0, 1.0, 1.0, 1.0]
    for final in found.finals[:2]:
        recorded = final.predictions("test")
        recorded = recorded[
            ~recorded.index.str.contains("long")
        ]  # whose windows are averaged, where the final cut them off
        given = final.load_model().predict([root / clip for clip in recorded.index])
        assert given["cat"].to_numpy() == pytest.approx(recorded["cat"].to_numpy(), abs=1e-5)


def test_nesting_needs_folds() -> None:
    with pytest.raises(bench.BenchError, match="nested needs several outer folds: give protocol leave"):
        bench.run("spoken-digits", nested=True)

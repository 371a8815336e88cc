"""Test clips that have a twin in training or validation: counted, listed, and scored apart where the split is official."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_audio import cats_and_dogs, prepared, tone, write
from reporting_results import make_study

import bench
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_page import render_leaderboard
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.publishing import publish
from bench.reporting.verification import verify
from bench.results.study_folder import StudyFolder
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder

TWINS = ("test/cat/louder.wav", "test/dog/again.flac", "test/dog/of-validation.wav")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with official splits, in which three of eleven test clips are copies."""
    root = tmp_path_factory.mktemp("twins") / "own"
    cats_and_dogs(root / "all", 20)
    for number in range(40):
        label, split = ("cat", "dog")[number % 2], "train" if number < 24 else "validation" if number < 32 else "test"
        file = root / "all" / label / f"s{number % 5}_{number}.wav"
        (root / split / label).mkdir(parents=True, exist_ok=True)
        file.rename(root / split / label / file.name)
    for label in ("cat", "dog"):
        (root / "all" / label).rmdir()
    (root / "all").rmdir()
    for source, copy, gain in (
        ("train/cat/s0_0.wav", TWINS[0], 1.5),
        ("train/dog/s1_1.wav", TWINS[1], 1.0),
        ("validation/dog/s0_25.wav", TWINS[2], 0.5),
    ):
        write(root / copy, gain * soundfile.read(root / source)[0])
    return root


@pytest.fixture(scope="module")
def results(recordings: Path) -> Path:
    return recordings.parent / "results"


@pytest.fixture(scope="module")
def study(recordings: Path, results: Path) -> StudyFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(recordings.parent / "cache"))
        done = bench.run(
            f"folder:{recordings}",
            settings={"feature.mel.sample_rate": 8000},
            models=["tc-resnet"],
            features=["mel"],
            trials=1,
            finalists=1,
            final_seeds=2,
            epochs=2,
            workers=0,
            threads=1,
            results=results,
        )
    return StudyFolder(Path(done.folder))


def test_a_row_is_scored_with_and_without_twins(results: Path, study: StudyFolder) -> None:
    (protocol,) = build_leaderboard(results, "folder").protocols
    (row,) = protocol.rows
    assert protocol.twins == {"": TWINS}
    accuracies = []
    for run in study.finals():
        with np.load(study.run_folder(run) / "test.npz") as stored:
            right = stored["probabilities"].argmax(axis=1) == stored["targets"]
            others = [id not in TWINS for id in stored["ids"].tolist()]
        assert len(right) == 11 and sum(others) == 8
        accuracies.append(right[others].mean())
    assert row.without_twins is not None
    assert row.without_twins["accuracy"].mean == pytest.approx(np.mean(accuracies)) and len(accuracies) == 2
    assert row.without_twins["accuracy"].n == row.test["accuracy"].n == 2


def test_a_page_counts_and_lists_twins_and_is_verified(results: Path, study: StudyFolder, tmp_path: Path) -> None:
    leaderboard = build_leaderboard(results, "folder")
    page, published = publish(leaderboard, tmp_path, results=results)
    text, row = page.read_text(), leaderboard.rows()[0]
    assert "Of 11 test clips 3 have a twin in training or validation" in text
    assert "Test accuracy, all" in text and "Test accuracy, without twins" in text
    assert all(f"- {clip}\n" in text for clip in TWINS)
    assert verify(published).differences == ()

    content = json.loads(published.read_text())
    content["protocols"][0]["rows"][0]["without_twins"]["accuracy"]["mean"] += 0.01
    published.write_text(json.dumps(content))
    assert f"row {row.id}: without_twins.accuracy.mean" in [each.where for each in verify(published).differences]


def test_where_the_harness_cuts_no_test_clip_has_a_twin(recordings: Path, tmp_path: Path) -> None:
    root = tmp_path / "own"
    for file in recordings.rglob("*.*"):
        label, name = file.parts[-2:]
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / name).write_bytes(file.read_bytes())
    for protocol in ("official", "k-fold:4", "repeated:3"):
        assert not any(fold.test_twins for fold in prepared(Folder(path=str(root)), tmp_path, protocol=protocol).folds)


def test_official_folds_have_twins_of_their_own(tmp_path: Path) -> None:
    rows = []
    for number in range(24):
        write(tmp_path / f"{number}.wav", tone(number))
        rows.append(f"{number}.wav,{'ab'[number % 2]},{1 + number // 8}")
    write(tmp_path / "copy.flac", soundfile.read(tmp_path / "0.wav")[0])
    (tmp_path / "list.csv").write_text("\n".join(["path,label,fold", *rows, "copy.flac,a,2"]) + "\n")
    data = prepared(CsvFile(file=str(tmp_path / "list.csv")), tmp_path, protocol="folds")
    assert [fold.test_twins for fold in data.folds] == [("0.wav",), ("copy.flac",), ()]


def test_nothing_is_said_where_there_are_no_twins(tmp_path: Path) -> None:
    make_study(tmp_path)
    leaderboard = build_leaderboard(tmp_path, "blobs")
    assert "twin" not in render_leaderboard(leaderboard, source="x.json")
    assert [row.without_twins for row in leaderboard.rows()] == [None, None]


def test_no_score_is_made_up_where_no_other_clip_is_left(tmp_path: Path) -> None:
    study, record = make_study(tmp_path, objective="balanced_accuracy")
    ids = study.predictions(study.finals()[0], "test").ids

    def leaderboard_with(twins: tuple[str, ...]) -> Leaderboard:
        folds = (record.data.folds[0].model_copy(update={"test_twins": twins}),)
        study.write(record.model_copy(update={"data": record.data.model_copy(update={"folds": folds})}))
        return build_leaderboard(tmp_path, "blobs")

    half = leaderboard_with(ids[:45])
    row = half.rows()[0]
    predictions = [study.predictions(run, "test") for run in study.finals() if run.spec.configuration()[:8] == row.id]
    recalls = [
        np.mean([(each.predicted[45:] == label)[each.targets[45:] == label].mean() for label in range(4)])
        for each in predictions
    ]
    assert row.without_twins is not None
    assert row.without_twins["balanced_accuracy"].mean == pytest.approx(np.mean(recalls))
    page = render_leaderboard(half, source="x.json")
    assert "Test balanced accuracy, without twins" in page and "on the other 45" in page
    assert [row.without_twins for row in leaderboard_with(ids).rows()] == [None, None]

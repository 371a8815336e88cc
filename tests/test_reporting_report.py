"""The classification report against numpy, scikit-learn's own text, and the reference's form; the figures; the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from reporting_results import LABELS, fitted, make_study, run_record, save
from sklearn import metrics

from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.plugins.registry import installed
from bench.reporting import figures, report_page
from bench.reporting.classification_report import (
    REPORT_COLUMNS,
    classification_report,
    confusion_counts,
    report_notes,
    report_rows,
    report_table,
)
from bench.reporting.run_report import write_report

PNG = b"\x89PNG\r\n\x1a\n"


def size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_every_figure_agrees_with_numpy() -> None:
    predictions = fitted(seed=3)["test"]
    report = classification_report(predictions, split="test")
    truth, said = predictions.targets, predictions.probabilities.argmax(axis=1)
    f1_scores, supports = [], []
    for index, row in enumerate(report.classes):
        hits = np.sum((truth == index) & (said == index))
        precision, recall = hits / np.sum(said == index), hits / np.sum(truth == index)
        f1_scores.append(2 * precision * recall / (precision + recall))
        supports.append(np.sum(truth == index))
        assert (row.label, row.support) == (LABELS[index], supports[-1])
        assert [row.precision, row.recall, row.f1_score] == pytest.approx([precision, recall, f1_scores[-1]])
    assert report.accuracy == pytest.approx(np.mean(truth == said))
    assert 0.5 < report.accuracy < 1.0  # or the test would show little
    assert report.macro_average.f1_score == pytest.approx(np.mean(f1_scores))
    assert report.weighted_average.f1_score == pytest.approx(np.average(f1_scores, weights=supports))
    assert report.interval is not None
    assert report.interval.low < report.accuracy < report.interval.high
    assert report.interval.over == ("clips", "groups")


def test_the_table_has_the_rows_and_figures_of_scikit_learns_own_report() -> None:
    predictions = fitted(seed=3)["test"]
    text = metrics.classification_report(predictions.targets, predictions.predicted, target_names=LABELS, digits=4)
    theirs = [line.split() for line in text.splitlines() if line.strip()][1:]
    ours = [" ".join(row).split() for row in report_rows(classification_report(predictions, split="test"))]
    assert [[word.lower() for word in row] for row in ours] == [[word.lower() for word in row] for row in theirs]
    assert REPORT_COLUMNS == ("", "Precision", "Recall", "F1-score", "Support")
    assert [row[0] for row in ours[-3:]] == ["Accuracy", "Macro", "Weighted"]


def test_confusions_are_the_off_diagonal_cells_the_most_frequent_first() -> None:
    predictions = fitted(seed=3)["test"]
    report = classification_report(predictions, split="test")
    pairs = list(zip(predictions.targets.tolist(), predictions.predicted.tolist(), strict=True))
    for confusion in report.confusions:
        true = LABELS.index(confusion.true)
        assert confusion.clips == pairs.count((true, LABELS.index(confusion.predicted)))
        assert confusion.share == pytest.approx(confusion.clips / int((predictions.targets == true).sum()))
    counts = [confusion.clips for confusion in report.confusions]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == sum(true != said for true, said in pairs)


def test_a_class_without_clips_is_named_and_left_out_of_every_mean() -> None:
    predictions = Predictions(
        labels=("a", "b", "accuracy"),
        ids=("1", "2", "3"),
        groups=("", "", ""),
        targets=np.array([0, 0, 1]),
        probabilities=np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.2, 0.8, 0.0]], dtype=np.float32),
    )
    report = classification_report(predictions, split="test")
    assert report.classes[2].model_dump() == {
        "label": "accuracy",
        "precision": None,
        "recall": None,
        "f1_score": None,
        "support": 0,
    }
    assert report_rows(report)[2] == ("accuracy", "–", "–", "–", "0")  # noqa: RUF001
    assert report.macro_average.f1_score == pytest.approx(2 / 3)
    assert report_notes(report) == ["Without clips in the test split, and so left out of every mean: accuracy."]
    assert confusion_counts(predictions).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_labels_cannot_break_the_table() -> None:
    nasty = ("<img src=x onerror=alert(1)>", "a|b", "c\nd", "`e`")
    predictions = fitted(seed=1, labels=nasty)["test"]
    lines = report_table(classification_report(predictions, split="test")).splitlines()
    assert len(lines) == 2 + 4 + 3
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}
    assert not any("<img" in line for line in lines)


def test_a_final_is_reported_on_the_test_split_with_all_files(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    final = study.finals()[0]
    paths = write_report(study, final, tmp_path / "out", registry=installed())
    report = json.loads(paths.json.read_text())
    stored = study.predictions(final, "test")
    assert report["report"]["split"] == "test"
    assert report["report"]["accuracy"] == pytest.approx(np.mean(stored.targets == stored.predicted))
    assert set(report["scores"]) == {"validation", "test"}
    assert report["spec"] == final.spec.model_dump(mode="json")
    assert set(paths.figures) == {"classes", "confusion", "confusion-rates", "alluvial", "curves"}
    for png in paths.figures.values():
        assert png.read_bytes().startswith(PNG)
    page = paths.markdown.read_text()
    assert "](confusion-matrix.png)" in page
    assert "](loss-curves.png)" in page
    assert f"| Accuracy |  |  | {report['report']['accuracy']:.4f} | 90 |" in page
    assert "in trial-0000 proposed by blobs-recipe" in page
    assert "/secret" not in page + paths.json.read_text()


def test_a_trial_is_reported_on_the_validation_split(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    paths = write_report(study, study.trials()[0], tmp_path / "out", registry=installed())
    assert paths.report.report.split == "validation"
    assert paths.report.report.support == 60
    assert set(paths.report.scores) == {"validation"}


def test_a_run_without_predictions_says_how_it_ended(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    with pytest.raises(BenchError, match=r"first/trial-0002 ended as pruned \(behind the median at epoch 3\)"):
        write_report(study, study.trials()[2], tmp_path / "out", registry=installed())
    assert not (tmp_path / "out").exists()


def test_missing_predictions_of_a_scored_split_are_an_error_and_not_another_splits_report(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    final = study.finals()[0]
    (study.run_folder(final) / "test.npz").unlink()
    with pytest.raises(BenchError, match=r"test\.npz cannot be read"):
        write_report(study, final, tmp_path / "out", registry=installed())


def test_a_result_without_epochs_has_no_curves(tmp_path: Path) -> None:
    study, record = make_study(tmp_path)
    predictions = fitted(seed=1)
    run = run_record(record, number=9, predictions=predictions)
    run = run.model_copy(update={"result": run.result.model_copy(update={"epochs": (), "best_epoch": None})})
    save(study, run, predictions)
    paths = write_report(study, run, tmp_path / "out", registry=installed())
    assert "curves" not in paths.figures
    assert not (tmp_path / "out" / "loss-curves.png").exists()
    assert "loss-curves" not in paths.markdown.read_text()


@pytest.mark.parametrize(("classes", "smallest"), [(2, 300), (35, 1500), (80, 1500)])
def test_the_confusion_matrix_grows_with_its_classes(classes: int, smallest: int) -> None:
    labels = [f"$label_{n}^{{ \n" + "long" * (n % 9) for n in range(classes)]  # no mathematics, no newline
    counts = np.eye(classes, dtype=np.int64) * 7
    counts[0, 1] = 3
    png = figures.confusion_matrix(counts, labels, "a_$title{")
    assert png.startswith(PNG)
    assert min(size(png)) > smallest


def test_figures_leave_nothing_behind(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    study, _ = make_study(tmp_path, finals=1)
    before = dict(plt.rcParams)
    write_report(study, study.finals()[0], tmp_path / "out", registry=installed())
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_that_every_clip_was_recognised_is_said_of_the_classes_that_have_clips() -> None:
    targets = np.array([0, 0, 1, 1])
    probabilities = np.eye(3, dtype=np.float32)[targets]
    ids = tuple("abcd")
    predictions = Predictions(
        labels=("cat", "dog", "owl"), ids=ids, groups=("",) * 4, targets=targets, probabilities=probabilities
    )
    report = classification_report(predictions, split="test")
    assert (report.accuracy, report.macro_average.f1_score) == (1.0, 1.0)
    assert "Without clips in the test split, and so left out of every mean: owl." in report_notes(report)
    assert report_page._confusions(report) == "Every clip was recognised, of the 2 of 3 classes that have clips."


DAMAGE: dict[str, dict[str, object]] = {
    "probabilities": {"probabilities": np.zeros((3, 2), np.float32)},
    "not all numbers": {"probabilities": np.full((12, 3), np.nan, np.float32)},
    "true classes are none of the labels": {"targets": np.full(12, 7)},
    "true classes that are not theirs": {"targets": np.zeros((12, 2), np.int64)},
    "there are no clips": {
        "ids": np.array([], np.str_),
        "groups": np.array([], np.str_),
        "targets": np.zeros(0, np.int64),
        "probabilities": np.zeros((0, 3), np.float32),
    },
}
"""Arrays of a file of predictions that was damaged, and what is said of it."""


@pytest.mark.parametrize("said", DAMAGE)
def test_predictions_that_cannot_be_any_are_refused_by_the_name_of_their_file(tmp_path: Path, said: str) -> None:
    sound = {
        "labels": np.array(LABELS[:3]),
        "ids": np.array([str(n) for n in range(12)]),
        "groups": np.array([""] * 12),
        "targets": np.zeros(12, np.int64),
        "probabilities": np.full((12, 3), 1 / 3, np.float32),
    }
    np.savez(tmp_path / "test.npz", **sound)
    assert len(Predictions.load(tmp_path / "test.npz").ids) == 12
    np.savez(tmp_path / "test.npz", **{**sound, **DAMAGE[said]})  # type: ignore[arg-type]
    with pytest.raises(BenchError, match=rf"test.npz cannot be read \(.*{said}"):
        Predictions.load(tmp_path / "test.npz")

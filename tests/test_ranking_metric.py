"""With unequal classes balanced accuracy ranks, and it is the figure everywhere: terminal, MLflow, interval, page, index,
reproductions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reporting_results import LABELS, fitted, run_record, save, study_record

from bench.api.reproduce import wanted_of
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import interval_of
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.reporting import leaderboard_page, leaderboard_table
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.progress import outcome_line
from bench.reporting.publishing import publish
from bench.reporting.reproductions import measured_figures
from bench.reporting.run_figures import Subject, _title
from bench.reporting.run_report import write_report
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.tracking.run_contents import experiment_tags, run_metrics, study_note


def unequal(predictions: Predictions) -> Predictions:
    """Of the first class one clip in six is left, so that plain and balanced accuracy differ."""
    chosen = [index for index, target in enumerate(predictions.targets) if target or index % 24 == 0]
    return Predictions(
        labels=predictions.labels,
        ids=tuple(predictions.ids[index] for index in chosen),
        groups=tuple(predictions.groups[index] for index in chosen),
        targets=predictions.targets[chosen],
        probabilities=predictions.probabilities[chosen],
    )


@pytest.fixture
def final(tmp_path: Path) -> RunRecord:
    dataset = PluginConfig(name="folder", options={"path": "blobs"})
    record = study_record(objective="balanced_accuracy", dataset=dataset)
    study = StudyFolder(tmp_path / record.name)
    study.write(record)
    for repeat in range(3):
        predictions = {split: unequal(of) for split, of in fitted(seed=20 + repeat, noise=1.5).items()}
        save(
            study,
            run := run_record(record, kind="final", number=1, repeat=repeat, predictions=predictions),
            predictions,
        )
    assert run.result.test is not None
    assert abs(run.result.test.accuracy - run.result.test.balanced_accuracy) > 0.01  # or the test would show nothing
    return run


@pytest.fixture
def leaderboard(final: RunRecord, tmp_path: Path) -> Leaderboard:
    return build_leaderboard(tmp_path, "folder")


def test_the_terminal_shows_one_score_for_both_splits(final: RunRecord) -> None:
    assert final.result.validation is not None and final.result.test is not None
    shown = (final.result.validation.balanced_accuracy, final.result.test.balanced_accuracy)
    assert outcome_line(final).startswith(f"validation balanced accuracy {shown[0]:.4f}, test {shown[1]:.4f}, ")


def test_the_page_ranks_and_shows_it_with_its_own_interval(leaderboard: Leaderboard, tmp_path: Path) -> None:
    (protocol,) = leaderboard.protocols
    (row,) = protocol.rows
    columns = dict(
        zip(
            leaderboard_table.leaderboard_columns(protocol),
            leaderboard_table.leaderboard_cells(row, protocol),
            strict=True,
        )
    )
    assert columns["Test balanced accuracy"].startswith(f"{row.test['balanced_accuracy'].mean:.4f} ± ")
    study = StudyFolder(tmp_path / "first")
    tested = [study.predictions(run, "test") for run in study.finals()]
    assert row.test_interval is not None
    assert row.test_interval == interval_of(tested, balanced=True)[0] != interval_of(tested)[0]
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert "95 % interval of the mean test balanced accuracy: for " in page
    assert leaderboard.to_dataframe().loc[0, "ranked_by"] == "balanced_accuracy"


def test_the_index_names_it(leaderboard: Leaderboard, tmp_path: Path) -> None:
    publish(leaderboard, tmp_path / "pages")
    lines = (tmp_path / "pages" / "README.md").read_text().splitlines()
    line = [line for line in lines if line.startswith("| ")][-1]
    assert f"| balanced accuracy | {leaderboard.rows()[0].test['balanced_accuracy'].mean:.4f} ± " in line


def test_mlflow_sorts_by_it_and_names_it(final: RunRecord) -> None:
    assert final.result.test is not None
    tags = experiment_tags("blobs", "balanced_accuracy")
    assert tags["mlflow.experiment.primaryMetric.name"] == "best_validation_balanced_accuracy"
    assert "metrics.`test_balanced_accuracy`" in tags["mlflow.sharedViewState.bench"]
    assert run_metrics(final)["test_balanced_accuracy"] == round(final.result.test.balanced_accuracy, 4)
    assert "best validation balanced accuracy" in study_note(study_record(objective="balanced_accuracy"))


def test_a_row_is_reproduced_by_it(leaderboard: Leaderboard, final: RunRecord, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(leaderboard.model_dump_json())
    row, here = f"{page}:{leaderboard.rows()[0].id}", f"folder:{tmp_path}"
    wanted = wanted_of(installed(), row, dataset=here, settings={}, seeds=None)
    assert set(wanted.published[0]) == {"validation_balanced_accuracy", "test_balanced_accuracy"}
    assert wanted.published[2]["test_balanced_accuracy"] == measured_figures(final.result)["test_balanced_accuracy"]


def test_the_report_and_its_figures_say_it(final: RunRecord, tmp_path: Path) -> None:
    study = StudyFolder(tmp_path / "first")
    page = write_report(study, final, tmp_path / "out", registry=installed()).markdown.read_text()
    assert "Balanced accuracy, 95 % interval: 0." in page
    assert ": test, balanced accuracy 0." in _title(Subject(study, final, study.record().data, installed()))


def test_rows_with_one_validation_score_are_ranked_by_loss_and_the_page_says_so(tmp_path: Path) -> None:
    """Equal predictions with less certain probabilities: the same accuracy, and a higher loss."""
    record = study_record()
    study = StudyFolder(tmp_path / record.name)
    study.write(record)
    sure = fitted(seed=1)
    unsure = {
        split: Predictions(of.labels, of.ids, of.groups, of.targets, (0.6 * of.probabilities + 0.1).astype(np.float32))
        for split, of in sure.items()
    }
    for number, predictions in ((1, unsure), (2, sure)):
        run = run_record(record, kind="final", number=number, width=float(number), predictions=predictions)
        save(
            study, run.model_copy(update={"result": run.result.model_copy(update={"parameters": number})}), predictions
        )
    leaderboard = build_leaderboard(tmp_path, "blobs")
    assert [row.model.options["width"] for row in leaderboard.rows()] == [2.0, 1.0]
    assert len({row.validation["accuracy"].mean for row in leaderboard.rows()}) == 1
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert "Rows with the same are ranked by validation loss" in page


def test_a_class_without_test_clips_is_named_on_the_page(tmp_path: Path) -> None:
    record = study_record()
    study = StudyFolder(tmp_path / record.name)
    study.write(record)
    of = fitted(seed=1)["test"]
    some = of.targets > 0
    test = Predictions(
        of.labels,
        tuple(np.array(of.ids)[some].tolist()),
        tuple(np.array(of.groups)[some].tolist()),
        of.targets[some],
        of.probabilities[some],
    )
    predictions = {"validation": fitted(seed=1)["validation"], "test": test}
    save(study, run_record(record, kind="final", number=1, predictions=predictions), predictions)
    page = leaderboard_page.render_leaderboard(build_leaderboard(tmp_path, "blobs"), source="x.json")
    assert f"Without clips in the test split, and so left out of every mean over classes: {LABELS[0]}." in page

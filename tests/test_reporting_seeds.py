"""A report of several seeds shows all of them, and has the figures of the median one, which it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from reporting_results import fitted, make_study, run_record, save

from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.predictions import Predictions
from bench.plugins.registry import installed
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.run_report import write_report, write_reports
from bench.results.study_folder import StudyFolder, find_run, median_run


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """Three seeds of one configuration; the one with the best validation score has the best test score, too."""
    study, record = make_study(tmp_path, finals=0)
    for repeat, noise in enumerate((1.2, 0.4, 2.0)):
        predictions = fitted(seed=repeat, noise=noise)
        save(study, run_record(record, kind="final", number=1, repeat=repeat, predictions=predictions), predictions)
    return study


def test_a_study_alone_is_the_median_seed_of_its_first_row_and_not_its_luckiest(study: StudyFolder) -> None:
    finals = study.finals()
    tests = [run.result.test.accuracy for run in finals if run.result.test is not None]
    assert tests[2] < tests[0] < tests[1]  # or the test would show nothing
    for reference in (study.name, f"{study.name}/final-1"):
        assert find_run(study.folder.parent, reference)[1].name == "final-1-seed-0"
    assert find_run(study.folder.parent, f"{study.name}/final-1-seed-1")[1].name == "final-1-seed-1"
    row = build_leaderboard(study.folder.parent, "blobs").rows()[0]
    assert abs(tests[0] - row.test["accuracy"].mean) < abs(tests[1] - row.test["accuracy"].mean)


def test_of_an_even_number_the_lower_of_the_two_in_the_middle_stands_for_all(study: StudyFolder) -> None:
    assert median_run(study.finals()[:2]).name == "final-1-seed-0"
    assert median_run(study.finals()[1:2]).name == "final-1-seed-1"


def test_a_report_shows_every_seed_and_says_which_has_the_figures(study: StudyFolder, tmp_path: Path) -> None:
    median = find_run(study.folder.parent, study.name)[1]
    page = write_report(study, median, tmp_path / "out", registry=installed()).markdown.read_text()
    assert "are of final-1-seed-0: the median of 3 seeds by test accuracy." in page
    for run in study.finals():
        assert run.result.test is not None
        name = f"**{run.name}**" if run == median else run.name
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
        assert f" {run.result.test.accuracy:.4f} |" in line
    row = build_leaderboard(study.folder.parent, "blobs").rows()[0]
    assert f"| {row.test['accuracy'].mean:.4f} ± {row.test['accuracy'].deviation:.4f} (n=3) |" in page


def test_a_report_of_another_seed_names_the_median(study: StudyFolder, tmp_path: Path) -> None:
    page = write_report(study, study.finals()[1], tmp_path / "out", registry=installed()).markdown.read_text()
    assert "are of final-1-seed-1, as asked for; the median of 3 seeds by test accuracy is final-1-seed-0." in page


def test_a_report_says_where_all_seeds_fail(study: StudyFolder, tmp_path: Path) -> None:
    paths = write_report(study, study.finals()[0], tmp_path / "out", registry=installed())
    tested = [study.predictions(run, "test") for run in study.finals()]
    assert paths.report.errors == analyse_errors(tested)
    page = paths.markdown.read_text()
    assert "| Groups, worst first |" in page
    missed = paths.report.errors.missed
    assert missed and f"{len(missed)} clip" in page and all(clip.id in page for clip in missed)
    board = build_leaderboard(study.folder.parent, "blobs").rows()[0]
    assert board.errors == paths.report.errors


def test_the_end_of_a_study_writes_the_report_of_its_median_seed_once(study: StudyFolder) -> None:
    (written,) = write_reports(study, study.finals(), registry=installed()).items()
    assert written[0] == "final-1-seed-0"
    assert {path.name for path in study.folder.glob("final-*/report")} == {"report"}
    assert write_reports(study, study.finals(), registry=installed()) == {}


def test_a_report_written_before_the_last_seed_gets_all_of_them_in_the_end(study: StudyFolder) -> None:
    early, last = study.finals()[1], study.finals()[2]
    (hidden := study.run_folder(last)).rename(study.folder / "elsewhere")
    paths = write_report(study, early, study.report_folder(early), registry=installed())
    assert len(paths.report.seeds) == 2
    (study.folder / "elsewhere").rename(hidden)
    assert set(write_reports(study, study.finals(), registry=installed())) == {"final-1-seed-0", early.name}
    page = paths.markdown.read_text()
    assert "final-1-seed-2" in page and "the median of 3 seeds by test accuracy is final-1-seed-0" in page


def test_one_seed_is_no_table_of_seeds(tmp_path: Path) -> None:
    study, record = make_study(tmp_path, finals=0)
    predictions: dict[str, Predictions] = fitted(seed=1)
    save(study, run := run_record(record, kind="final", number=1, predictions=predictions), predictions)
    page = write_report(study, run, tmp_path / "out", registry=installed()).markdown.read_text()
    assert "Seeds of this configuration" not in page and "that the network got wrong" in page

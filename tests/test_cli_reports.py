"""`bench leaderboard` and `bench report` on a results folder."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cli_runner import refusal, run
from reporting_results import make_study

from bench.cli.main import main


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_sign_shows_a_question_mark(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path / "results")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(sys, "argv", ["bench", "leaderboard", "blobs"])
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.flush()
    shown = written.getvalue().decode(encoding)
    assert ended.value.code == 0 and ("± 0." in shown) == (encoding != "ascii")


def test_leaderboard_prints_plain_columns_and_the_path_of_its_page(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    done = run("leaderboard", "blobs", "--publish", str(tmp_path / "pages"))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "pages" / "blobs.md") in done.stdout
    published = json.loads((tmp_path / "pages" / "blobs.json").read_text())
    for row in published["protocols"][0]["rows"]:
        line = next(line for line in done.stdout.splitlines() if line.rstrip().endswith(row["id"]))
        assert f"{row['test']['accuracy']['mean']:.4f}" in line
    assert "─" not in done.stdout
    assert "\x1b" not in done.stdout


def test_leaderboard_without_publish_writes_below_the_results(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    done = run("leaderboard", "blobs", "--results", str(tmp_path / "results"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "leaderboards" / "blobs.md").is_file()


def test_the_page_of_the_results_folder_has_its_rows_alone_and_says_which_are_gone(tmp_path: Path) -> None:
    make_study(tmp_path / "theirs", finals=2)
    make_study(tmp_path / "results", finals=1)
    pages = tmp_path / "results" / "leaderboards"
    theirs = run("leaderboard", "blobs", "--publish", pages, "--results", str(tmp_path / "theirs"))
    rows = json.loads((pages / "blobs.json").read_text())["protocols"][0]["rows"]
    gone = next(row["id"] for row in rows if row["model"]["options"]["width"] == 2.0)
    done = run("leaderboard", "blobs")
    assert "replaced" not in theirs.stderr
    assert done.returncode == 0 and f"does not have are replaced: {gone}" in done.stderr


def test_leaderboard_of_nothing_is_an_error_for_people() -> None:
    refusal(run("leaderboard", "blobs"), "no study of data set 'blobs'")


@pytest.mark.parametrize("target", ["first/final-2-seed-1", "first/trial-0000"])
def test_report_prints_the_table_and_writes_below_the_run(tmp_path: Path, target: str) -> None:
    make_study(tmp_path / "results")
    done = run("report", target)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / target / "report"
    assert {path.name for path in folder.iterdir()} == {
        "report.md",
        "report.json",
        *(f"{figure}.png" for figure in ("class-histogram", "confusion-matrix", "confusion-rates", "confusions")),
        "loss-curves.png",
    }
    report = json.loads((folder / "report.json").read_text())
    assert f"{report['report']['accuracy']:.4f}" in done.stdout
    for word in ("Precision", "zero", "Macro avg", "Weighted avg", str(folder / "report.md")):
        assert word in done.stdout


def test_report_of_a_study_is_that_of_its_best_final(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    done = run("report", "first", "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text())["run"].startswith("final-1-")


def test_report_of_an_unknown_run(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    refusal(run("report", "first/trial-0009"), "did you mean trial-000")

"""The table of a leaderboard in other formats, with chosen columns, at the widths of a terminal and of a page."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from cli_runner import refusal, run
from reporting_results import make_study

from bench.cli.leaderboard import print_rows
from bench.plugins import PluginConfig
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.leaderboard_table import DATA_COLUMNS, PAGE_COLUMNS, TABLE_COLUMNS, TABLE_FORMATS, table_text


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    make_study(folder, "first")
    return folder


@pytest.fixture(scope="module")
def leaderboard(results: Path) -> Leaderboard:
    return build_leaderboard(results, "blobs")


def test_every_format_has_the_same_rows(results: Path, leaderboard: Leaderboard) -> None:
    for name in TABLE_FORMATS:
        done = run("leaderboard", "blobs", "--results", results, "--format", name)
        assert done.returncode == 0 and done.stdout == table_text(leaderboard, name) + "\n", done.stderr
        assert re.findall(r"\b[0-9a-f]{8}\b", done.stdout) == [row.id for row in leaderboard.rows()], name
    assert not (results / "leaderboards").exists(), "a table alone is printed"


def test_csv_and_json_hold_the_numbers_with_all_their_digits(leaderboard: Leaderboard) -> None:
    as_csv = list(csv.DictReader(io.StringIO(table_text(leaderboard, "csv"))))
    as_json = json.loads(table_text(leaderboard, "json"))
    for row, of_csv, of_json in zip(leaderboard.rows(), as_csv, as_json, strict=True):
        assert tuple(of_csv) == tuple(of_json) == DATA_COLUMNS
        assert float(of_csv["test"]) == of_json["test"] == row.test["accuracy"].mean
        assert float(of_csv["macro_f1"]) == of_json["macro_f1"] == row.test["macro_f1"].mean
        assert row.test_interval is not None and of_json["high"] == row.test_interval.high
        assert (of_json["epochs"], of_json["seeds"], of_json["parameters"]) == (3, 3, 1234)


def test_latex_is_a_tabular_of_booktabs_that_escapes(tmp_path: Path) -> None:
    make_study(tmp_path, "a", labels=("50%", "b", "c", "d"), finals=1)
    trial = next(tmp_path.glob("a/trial-0000/run.json"))
    trial.write_text(trial.read_text().replace("blobs-recipe", "a_b & {c}"))
    text = table_text(build_leaderboard(tmp_path, "blobs"), "latex", ("rank", "model", "test", "origin"))
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{rlrl}" and lines[-1] == r"\end{tabular}"
    assert lines[1].strip() == r"\toprule" and r"$\pm$" in text and r"a\_b \& \{c\}" in text
    assert text.isascii() and lines[2].count("&") == 3


def test_html_is_a_table_in_which_no_name_is_markup(tmp_path: Path) -> None:
    make_study(tmp_path, "a", finals=1)
    trial = next(tmp_path.glob("a/trial-0000/run.json"))
    trial.write_text(trial.read_text().replace("blobs-recipe", "<b>bold</b>"))
    board = build_leaderboard(tmp_path, "blobs")
    text = table_text(board, "html", ("model", "origin"))
    assert text.startswith("<table") and text.endswith("</table>") and "&lt;b&gt;bold" in text
    assert set(re.findall(r"</?(\w+)", text)) == {"table", "thead", "tbody", "tr", "th", "td"}


def test_several_protocols_are_told_apart(tmp_path: Path) -> None:
    for name in ("official", "speaker"):
        make_study(tmp_path, name, finals=1, dataset=PluginConfig(name="blobs", options={"split": name}))
    board = build_leaderboard(tmp_path, "blobs")
    assert {row["protocol"] for row in json.loads(table_text(board, "json"))} == {
        f"official, blobs (split={name}), revision 0123456789abcdef, by accuracy" for name in ("official", "speaker")
    }
    assert table_text(board, "markdown").count("## official, blobs") == 2
    assert table_text(board, "latex").count(r"\caption{official, blobs (split=") == 2
    assert table_text(board, "html").count("<caption>official, blobs (split=") == 2


def test_columns_are_chosen_by_name(results: Path, leaderboard: Leaderboard) -> None:
    done = run("leaderboard", "blobs", "--results", results, "--columns", "row, macro_f1,test", "--format", "csv")
    assert done.stdout.splitlines()[0] == "row,macro_f1,test"
    assert run("leaderboard", "blobs", "--results", results, "--columns", "model,row").stdout.split()[:2] == [
        "Model",
        "Row",
    ]
    refusal(run("leaderboard", "blobs", "--columns", "macro_f"), "--columns", "did you mean macro_f1?", code=2)
    refusal(run("leaderboard", "blobs", "--columns", ","), "names no column", code=2)
    refusal(run("leaderboard", "blobs", "--format", "tex"), "--format tex", "latex", code=2)
    for name in TABLE_COLUMNS:
        assert table_text(leaderboard, "markdown", (name,)).count("\n") == 3, name


def test_the_default_columns_fit_a_page_and_a_narrow_terminal(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = table_text(leaderboard, "markdown").splitlines()[2:]
    widths = [max(map(len, column)) for column in zip(*(line.strip("| ").split(" | ") for line in lines), strict=True)]
    # At 16 pixels a letter is 8.2 wide on average, and a cell has 27 around it.
    assert len(widths) == len(PAGE_COLUMNS) and sum(8.2 * width + 27 for width in widths) < 980
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_rows(leaderboard)
    printed = capsys.readouterr().out.splitlines()
    rows = [next(line for line in printed if row.id in line) for row in leaderboard.rows()]
    assert all(len(line) <= 80 for line in rows)
    for row, line in zip(leaderboard.rows(), rows, strict=True):
        assert "logistic" in line and f"{row.test['accuracy'].mean:.4f} ±" in line

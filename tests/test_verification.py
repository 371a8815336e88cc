"""`bench verify`: a page is recomputed from the predictions beside it, and what was changed anywhere is found and named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_runner import refusal, run
from reporting_results import make_study

import bench
from bench.plugins import PluginConfig
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.published_predictions import PublishedPredictions
from bench.reporting.publishing import load_published, publish
from bench.reporting.verification import Verification, verify


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two studies in two protocols, of real regressions."""
    folder = tmp_path_factory.mktemp("published")
    make_study(folder / "results", "first")
    make_study(folder / "results", "second", dataset=PluginConfig(name="blobs", options={"split": "speaker"}))
    publish(build_leaderboard(folder / "results", "blobs"), folder / "pages", results=folder / "results")
    return folder / "pages"


@pytest.fixture
def pages(published: Path, tmp_path: Path) -> Path:
    """A copy to tamper with, without the results that it was made from."""
    return Path(shutil.copytree(published, tmp_path / "pages"))


def where(verification: Verification) -> list[str]:
    return [difference.where for difference in verification.differences]


def test_a_page_is_recomputed_without_results_or_audio(pages: Path) -> None:
    verification = verify(pages / "blobs.json")
    assert verification.same and verification.runs == 12
    names = [figure.where for figure in verification.figures]
    row = load_published(pages / "blobs.json").rows()[0]
    for figure in (
        "test.accuracy.mean",
        "test.accuracy.deviation",
        "test.macro_f1.mean",
        "test_interval.low",
        "id",
        "rank",
    ):
        assert f"row {row.id}: {figure}" in names
    assert f"row {row.id}, {row.runs[2].run}: test.loss" in names and "page: updated" in names
    assert len(names) == len(set(names)) > 300
    assert re.search(
        rf"{len(names):,} figures recomputed from the predictions of 12 runs, none different$", verification.summary()
    )
    frame = verification.to_dataframe()
    assert frame["same"].all() and len(frame) == len(names)


def change(page: Path, number: float, by: float) -> None:
    """Changes the first place of the JSON at which a number stands."""
    text = page.read_text()
    assert repr(number) in text
    page.write_text(text.replace(repr(number), repr(number + by), 1))


@pytest.mark.parametrize("by", [0.01, 1e-6])
def test_a_changed_digit_in_the_json_is_named(pages: Path, by: float) -> None:
    row = load_published(pages / "blobs.json").rows()[0]
    change(pages / "blobs.json", row.test["macro_f1"].mean, by)
    (difference,) = verify(pages / "blobs.json").differences
    assert difference.where == f"row {row.id}: test.macro_f1.mean"
    macro_f1 = row.test["macro_f1"].mean
    assert difference.published == macro_f1 + by and difference.recomputed == pytest.approx(macro_f1)


def test_a_changed_setting_is_found_by_the_name_of_its_row(pages: Path) -> None:
    page = pages / "blobs.json"
    content = json.loads(page.read_text())
    row = content["protocols"][0]["rows"][0]
    for run_of_row in row["runs"]:
        run_of_row["spec"]["model"]["options"]["width"] = 7.0
    page.write_text(json.dumps(content))
    verification = verify(page)
    assert {f"row {row['id']}: id", f"row {row['id']}: model.options.width"} < set(where(verification))


def test_a_changed_digit_in_the_markdown_and_in_the_index_is_named(pages: Path) -> None:
    row = load_published(pages / "blobs.json").rows()[0]
    shown = f"{row.test['accuracy'].mean:.4f}"
    for name in ("blobs.md", "README.md"):
        text = (pages / name).read_text()
        assert shown in text
        (pages / name).write_text(text.replace(shown, "0.9999", 1))
    first, second = verify(pages / "blobs.json").differences
    number = (pages / "blobs.md").read_text().splitlines().index(first.published) + 1
    assert first.where == f"blobs.md: line {number}" and "0.9999" in first.published and shown in first.recomputed
    assert second.where.startswith("README.md: line ") and "0.9999" in second.published


def test_a_line_that_was_added_or_taken_away_is_named(pages: Path) -> None:
    lines = (pages / "blobs.md").read_text().splitlines()
    (pages / "blobs.md").write_text("\n".join([*lines[:4], "All of this is true.", *lines[4:-1]]) + "\n")
    added, gone = verify(pages / "blobs.json").differences
    assert (added.where, added.published, added.recomputed) == ("blobs.md: line 5", "All of this is true.", None)
    assert gone.published is None and gone.recomputed == lines[-1]


def test_changed_predictions_are_named_by_checksum_and_by_every_figure_of_their_run(pages: Path) -> None:
    path = pages / "blobs.predictions.npz"
    predictions = dict(PublishedPredictions.from_bytes(path.read_bytes(), name="x"))
    row = load_published(pages / "blobs.json").rows()[0]
    probabilities = predictions[row.runs[0].run, "test"].probabilities
    wrong = np.flatnonzero(probabilities.argmax(1) != predictions[row.runs[0].run, "test"].targets)[0]
    probabilities[wrong] = np.roll(probabilities[wrong], 1)
    path.write_bytes(PublishedPredictions(predictions).to_bytes())
    differing = where(verify(pages / "blobs.json"))
    assert f"{path.name}: SHA-256" in differing and f"row {row.id}, {row.runs[0].run}: test.loss" in differing
    assert not [name for name in differing if name.startswith("row ") and row.id not in name], (
        "other rows are as they were"
    )


def test_the_file_is_the_same_for_the_same_predictions_and_holds_clips_once(published: Path) -> None:
    content = (published / "blobs.predictions.npz").read_bytes()
    read = PublishedPredictions.from_bytes(content, name="x")
    assert read.to_bytes() == content and len(read) == 24
    assert sum(len(each.probabilities.tobytes()) for each in read.values()) > 0.7 * len(content)


def test_what_is_missing_or_damaged_is_one_line(pages: Path) -> None:
    refusal(run("verify", pages / "absent.json"), "no leaderboard at")
    path = pages / "blobs.predictions.npz"
    path.write_bytes(path.read_bytes()[:1000])
    refusal(run("verify", pages / "blobs.json"), "blobs.predictions.npz cannot be read")
    path.unlink()
    refusal(run("verify", pages / "blobs.json"), "a page is read with what lies beside it")
    content = json.loads((pages / "blobs.json").read_text())
    (pages / "blobs.json").write_text(json.dumps({**content, "predictions": None}))
    refusal(run("verify", pages / "blobs.json"), "has no predictions beside it: publish it again")


def test_nothing_of_the_file_is_unpickled(pages: Path) -> None:
    path = pages / "blobs.predictions.npz"
    np.savez(path, runs=np.array([print], dtype=object))
    refusal(run("verify", pages / "blobs.json"), "allow_pickle=False")


def test_the_command_line(pages: Path) -> None:
    page = pages / "blobs.json"
    done = run("verify", page)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].endswith("of 12 runs, none different"), done.stderr
    assert "not recomputed, taken as published: " in done.stdout and "train seconds" in done.stdout
    rows = load_published(page).rows()
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"row {rows[0].id}")]
    assert line.split()[-1] == "none"
    assert (
        f"row {rows[0].id}: test.accuracy.mean: {rows[0].test['accuracy'].mean}"
        in run("verify", page, "--figures").stdout
    )

    change(page, rows[0].test["macro_f1"].mean, 0.01)
    done = run("verify", page)
    assert done.returncode == 1 and done.stdout.splitlines()[-1].endswith("1 different")
    assert f"different: row {rows[0].id}: test.macro_f1.mean: published " in done.stdout


def test_from_python(pages: Path) -> None:
    assert bench.verify(pages / "blobs.json").same

"""Metrics and sections of reports that plugins add: in results, reports, leaderboards and their verification."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import plugin_packages
import pytest
from cli_runner import Result, plugins_at, refusal, run
from failing_studies import QUICK
from made_audio import cats_and_dogs

import bench
from bench.results.study_folder import StudyFolder

SOURCE = '''
from typing import ClassVar
from bench.plugins import Metric, ReportSection, hookimpl

class Confidence(Metric):
    """Mean probability of the true class. It is no accuracy."""
    name: ClassVar[str] = "true-confidence"
    def compute(self, predictions):
        return predictions.probabilities[range(len(predictions.targets)), predictions.targets].mean()

class Surprise(Metric):
    """Clips that are not known."""
    name: ClassVar[str] = "surprise"
    better: ClassVar[str] = "lower"
    unit: ClassVar[str] = "clips"
    def compute(self, predictions):
        raise ValueError("no such clips")

class Names(ReportSection):
    """Names of the clips."""
    name: ClassVar[str] = "clip-names"
    title: ClassVar[str] = "Names of the clips"
    def markdown(self, run):
        return f"The **first** of {run.model.name} is `{run.predictions.ids[0]}`, accuracy {run.scores['accuracy']:.2f}."
    def figure(self, run):
        import io
        from matplotlib.figure import Figure
        Figure(figsize=(1, 1)).savefig(png := io.BytesIO())
        return png.getvalue()

class Broken(ReportSection):
    """Raises."""
    name: ClassVar[str] = "broken-section"
    title: ClassVar[str] = "Never"
    def markdown(self, run):
        return {}["nothing"]

@hookimpl
def bench_metrics():
    return [Confidence, Surprise]

@hookimpl
def bench_sections():
    return [Names, Broken]
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    plugin_packages.install(folder, "more-scores", SOURCE)
    with plugins_at(folder):
        yield folder


@pytest.fixture(scope="module")
def results(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a study of one final, run while the package is installed."""
    folder = tmp_path_factory.mktemp("results")
    audio = cats_and_dogs(tmp_path_factory.mktemp("audio") / "pets", 10)
    here = ("--workers", "0", "--trials", "1", "--study", "mine", "--results", folder)
    done = run("run", "--dataset", f"folder:{audio}", "--models", "tc-resnet", *here, *QUICK)
    assert done.returncode == 0, done.stderr
    return folder


def test_they_are_in_the_results(results: Path) -> None:
    (final,) = StudyFolder(results / "mine").finals()
    predictions = StudyFolder(results / "mine").predictions(final, "test")
    of_target = predictions.probabilities[range(len(predictions.targets)), predictions.targets]
    assert final.result.test is not None
    figures = final.result.test.figures()
    assert figures["true_confidence"] == pytest.approx(of_target.mean()) and "surprise" not in figures
    surprise = final.result.test.added[1]
    assert surprise.value is None and surprise.failure == "more_scores.py:17: ValueError: no such clips"
    (trial,) = StudyFolder(results / "mine").trials()
    assert trial.result.validation is not None and trial.result.validation.added == ()


def test_they_are_in_the_report(results: Path) -> None:
    (final,) = StudyFolder(results / "mine").finals()
    folder = StudyFolder(results / "mine").report_folder(final)
    page = (folder / "report.md").read_text()
    assert "| True confidence | " in page and "Mean probability of the true class |" in page
    assert "more_scores.py:17: ValueError: no such clips" in page.replace("\\", "")
    assert "## Names of the clips\n\nThe **first** of tc-resnet is `" in page
    assert "![Names of the clips](section-clip-names.png)" in page
    assert (folder / "section-clip-names.png").read_bytes().startswith(b"\x89PNG")
    assert "section-broken-section: more_scores.py:36: KeyError: 'nothing'" in page.replace("\\", "")


@pytest.fixture(scope="module")
def page(results: Path) -> Path:
    """The JSON of a published leaderboard."""
    done = run("leaderboard", "folder:pets", "--results", results, "--publish", results / "published")
    assert done.returncode == 0, done.stderr
    return next(path for path in (results / "published").glob("*.json"))


def test_they_are_columns_of_the_leaderboard(page: Path, results: Path) -> None:
    text = page.with_suffix(".md").read_text()
    assert "True confidence |" in text and "- True confidence: Mean probability of the true class.\n" in text
    table = bench.load_study(results / "mine").leaderboard().to_dataframe()
    assert 0 < table["test_true_confidence"][0] < 1


def test_a_page_with_them_is_recomputed(page: Path) -> None:
    done = run("verify", page, "--figures")
    assert done.returncode == 0 and "test.true_confidence.mean" in done.stdout, done.stdout + done.stderr


def test_a_page_with_them_needs_the_package(page: Path, site: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    shutil.copytree(page.parent, hidden)
    metadata = site / "more_scores-1.2.dist-info"
    metadata.rename(site / "away")
    try:
        with plugins_at(tmp_path):
            refused: Result = run("verify", hidden / page.name)
    finally:
        (site / "away").rename(metadata)
    refusal(refused, "scores of a plugin that is not installed, true_confidence")


def test_the_json_of_a_page_says_what_they_are(page: Path) -> None:
    run_of_row = json.loads(page.read_text())["protocols"][0]["rows"][0]["runs"][0]
    assert run_of_row["test"]["added"][0]["text"]["meaning"] == "Mean probability of the true class"
    assert [added["name"] for added in run_of_row["test"]["added"]] == ["true_confidence", "surprise"]


def test_they_are_listed_shown_and_checked(site: Path) -> None:
    assert "true-confidence" in run("list", "metrics").stdout and "clip-names" in run("list", "sections").stdout
    assert run("show", "true-confidence").stdout.startswith("metric true-confidence, from more-scores 1.2")
    checked = run("check", "more-scores")
    assert "ok    metric true-confidence" in checked.stdout and "ok    section clip-names" in checked.stdout
    assert (
        "FAIL  metric surprise: raises more_scores.py:17: ValueError: no such clips for predictions\n" in checked.stdout
    )
    assert "FAIL  section broken-section: raises more_scores.py:36: KeyError" in checked.stdout

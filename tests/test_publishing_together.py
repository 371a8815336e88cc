"""A page with rows of several machines: rows stay, the same row is joined and recomputed, contradictions are refused by
name; a row is handed in as one file, which is verified first."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_runner import Result, refusal, run
from reporting_results import fitted, make_study, run_record, save

from bench.errors import BenchError
from bench.evaluation.metrics import score
from bench.plugins import PluginConfig
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard, Row
from bench.reporting.merging import merged_pages
from bench.reporting.published_predictions import PublishedPredictions
from bench.reporting.published_studies import PublishedPage
from bench.reporting.publishing import load_published
from bench.reporting.submission_file import packed, unpacked
from bench.results.study_folder import StudyFolder

ELSEWHERE = {"created": "2025-02-02T10:00:00+00:00", "command": "bench run --dataset blobs --data-dir /home/ann/data"}


def publish(results: Path, pages: Path, *words: str | Path) -> Result:
    return run("leaderboard", "blobs", "--publish", pages, "--results", results, *words)


def add_seed(study: StudyFolder, width: float, seed: int) -> None:
    """One more final of the first configuration, with a seed that the other machine does not have."""
    predictions = fitted(seed=100 + seed, noise=0.9)
    final = run_record(
        study.record(), kind="final", number=1, repeat=5, width=width, seed=seed, predictions=predictions
    )
    save(study, final, predictions)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two results folders whose studies have one name: `here` has two configurations, `there` a seed more of the first of
    them, the same seeds with the same digits, and a failure that is its own."""
    folder = tmp_path_factory.mktemp("machines")
    make_study(folder / "here", "blobs-1")
    study, _ = make_study(folder / "there", "blobs-1", finals=1, **ELSEWHERE)
    add_seed(study, width=1.0, seed=77)
    failed = run_record(
        study.record(), kind="final", number=1, repeat=6, width=1.0, seed=78, status="failed", reason="no"
    )
    save(study, failed)
    add_seed(make_study(folder / "third", "blobs-2", finals=0, **ELSEWHERE)[0], width=9.0, seed=1)
    return folder


@pytest.fixture(scope="module")
def pages(machines: Path) -> Path:
    """The page of both."""
    for name in ("here", "there"):
        done = publish(machines / name, machines / "pages")
        assert done.returncode == 0, done.stderr
    return machines / "pages"


def of_width(leaderboard: Leaderboard, width: float) -> Row:
    (row,) = [row for row in leaderboard.rows() if row.model.options["width"] == width]
    return row


def test_rows_of_others_stay_and_the_same_row_has_the_seeds_of_both(pages: Path) -> None:
    leaderboard = load_published(pages / "blobs.json")
    (section,) = leaderboard.protocols
    names = [study.name for study in section.studies]
    assert names[0] == "blobs-1" and re.fullmatch(r"blobs-1-[0-9a-f]{4}", names[1])
    joined = of_width(leaderboard, 1.0)
    assert [run.spec.seed for run in joined.runs if run.run.startswith(f"{names[1]}/")].count(77) == 1
    assert sorted(run.spec.seed for run in joined.runs) == [77, 1000, 1001, 1002]
    assert joined.test["accuracy"].n == joined.validation["loss"].n == 4
    measured = [score(fitted(seed=seed, noise=0.9)["test"]).accuracy for seed in (177, 10, 11, 12)]
    assert joined.test["accuracy"].mean == pytest.approx(np.mean(measured))
    assert joined.test["accuracy"].deviation == pytest.approx(np.std(measured, ddof=1))
    assert joined.not_complete == {"failed": 1} and joined.search is not None and joined.origin == "blobs-recipe"
    assert len(of_width(leaderboard, 2.0).runs) == 3


def test_the_page_of_both_is_what_its_predictions_give_and_says_so(pages: Path) -> None:
    done = run("verify", pages / "blobs.json")
    assert done.returncode == 0 and "of 7 runs, none different" in done.stdout, done.stdout
    text = (pages / "blobs.md").read_text()
    assert (
        "looked at 7 times or more, for 2 configurations of 2 studies" in text and "as far as this page knows" in text
    )
    for word in ("/home/ann", "/secret", str(pages)):
        assert not [path.name for path in pages.iterdir() if word.encode() in path.read_bytes()]
    assert load_published(pages / "blobs.json").source == "pages/blobs.json"


def test_publishing_again_changes_nothing_whoever_comes_first(machines: Path, pages: Path) -> None:
    before = {path.name: path.read_bytes() for path in pages.iterdir()}
    assert publish(machines / "there", pages).returncode == 0
    assert {path.name: path.read_bytes() for path in pages.iterdir()} == before
    made = [build_leaderboard(machines / name, "blobs") for name in ("there", "here")]
    each = [
        PublishedPage(one, PublishedPredictions.of(one, machines / name))
        for one, name in zip(made, ("there", "here"), strict=True)
    ]
    other, this = merged_pages(*each).leaderboard, load_published(pages / "blobs.json")
    assert [row.test for row in other.rows()] == [row.test for row in this.rows()]
    assert len(other.protocols[0].studies) == 2


def test_the_same_row_and_seed_with_other_digits_is_refused_by_name(
    machines: Path, pages: Path, tmp_path: Path
) -> None:
    before = (pages / "blobs.json").read_bytes()
    study, record = make_study(tmp_path / "other", "blobs-3", finals=0, **ELSEWHERE)
    predictions = fitted(seed=999, noise=0.9)
    save(study, run_record(record, kind="final", number=1, width=2.0, seed=1001, predictions=predictions), predictions)
    row = of_width(load_published(pages / "blobs.json"), 2.0)
    line = refusal(publish(tmp_path / "other", pages), f"row {row.id} with seed 1001", "blobs-1/final-2-seed-1")
    assert f"{row.runs[1].test.accuracy:.4f}" in line and f"{score(predictions['test']).accuracy:.4f}" in line
    assert (pages / "blobs.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revision": "f" * 16}, ("another revision of the data", "revision ffffffffffffffff", "0123456789abcdef")),
        ({"dataset": PluginConfig(name="blobs", options={"split": "speaker"})}, ("another set of options", "speaker")),
        ({"objective": "balanced_accuracy"}, ("another objective", "by balanced accuracy")),
    ],
)
def test_rows_of_other_data_are_refused_by_name_or_stand_apart(
    changes: dict[str, object], words: tuple[str, ...], pages: Path, tmp_path: Path
) -> None:
    make_study(tmp_path / "other", "blobs-9", finals=1, **ELSEWHERE, **changes)
    copy = shutil.copytree(pages, tmp_path / "pages")
    refusal(publish(tmp_path / "other", copy), *words, "--new-section")
    if "revision" not in changes:
        return
    assert publish(tmp_path / "other", copy, "--new-section").returncode == 0
    assert len(load_published(copy / "blobs.json").protocols) == 2
    assert run("verify", copy / "blobs.json").returncode == 0


def test_another_protocol_is_refused_by_name(pages: Path, tmp_path: Path) -> None:
    study, record = make_study(tmp_path / "other", "blobs-9", finals=1, **ELSEWHERE)
    study.write(record.model_copy(update={"data": record.data.model_copy(update={"protocol": "k-fold:2"})}))
    refusal(publish(tmp_path / "other", pages), "another protocol", "k-fold:2", "official")


def test_other_clips_under_the_same_revision_are_refused(pages: Path) -> None:
    page = PublishedPage.read(pages / "blobs.json")
    row = page.leaderboard.rows()[0]
    predictions = dict(page.predictions)
    test = predictions[row.runs[0].run, "test"]
    targets = test.targets.copy()
    targets[0] = (targets[0] + 1) % 4
    predictions[row.runs[0].run, "test"] = replace(test, targets=targets)
    with pytest.raises(BenchError, match=f"row {row.id}: run {row.runs[0].run} was scored on other test clips"):
        merged_pages(page, PublishedPage(page.leaderboard, PublishedPredictions(predictions)))


@pytest.fixture(scope="module")
def handed_in(machines: Path) -> Path:
    """A row that a third machine hands in."""
    done = run("submit", "blobs-2/final-1", "--out", machines / "row.zip", "--results", machines / "third")
    assert done.returncode == 0 and f"bench verify {machines / 'row.zip'}" in done.stdout, done.stderr
    return machines / "row.zip"


def test_a_row_is_handed_in_verified_and_merged(handed_in: Path, pages: Path, tmp_path: Path) -> None:
    done = run("verify", handed_in)
    assert done.returncode == 0 and "of 1 run, none different" in done.stdout, done.stdout
    record = json.loads(unpacked(handed_in)[0])
    (section,) = record["protocols"]
    assert section["studies"][0]["versions"]["torch"] == "2.11.0" and section["protocol"] == "official"
    assert section["rows"][0]["runs"][0]["spec"]["seed"] == 1 and "/home" not in json.dumps(record)
    copy = shutil.copytree(pages, tmp_path / "pages")
    done = run("leaderboard", "blobs", "--publish", copy, "--add", handed_in, "--results", tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert of_width(load_published(copy / "blobs.json"), 9.0).runs[0].run == "blobs-2/final-1-seed-5"
    assert len(load_published(copy / "blobs.json").rows()) == 3 and run("verify", copy / "blobs.json").returncode == 0


@pytest.mark.parametrize("reference", ["row id", "page", "blobs-1", "blobs-1/final-2"])
def test_a_row_is_named_in_many_ways(
    reference: str, machines: Path, pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = of_width(load_published(pages / "blobs.json"), 1.0 if reference == "blobs-1" else 2.0)
    named = {"row id": row.id, "page": f"{pages / 'blobs.json'}:{row.id}"}.get(reference, reference)
    done = run("submit", named, "--results", machines / "here")
    assert done.returncode == 0, done.stderr
    assert run("verify", f"blobs-{row.id}.zip").returncode == 0
    if reference == "page":
        refusal(run("submit", "nothing", "--results", machines / "here"), "no row or study 'nothing'")
        refusal(run("submit", "blobs-1/trial-0003", "--results", machines / "here"), "is of no row")


def tampered(path: Path, target: Path, change: str) -> None:
    """A copy of a submitted row that flatters itself."""
    record, predictions = unpacked(path)
    content = json.loads(record)
    row = content["protocols"][0]["rows"][0]
    if change == "score":
        row["test"]["accuracy"]["mean"] = 0.99
    elif change == "seed":
        row["runs"][0]["spec"]["training"]["epochs"] = 1
    elif change == "path":
        content["protocols"][0]["studies"][0]["command"] = "bench run --data-dir /home/ann/data"
    elif change == "predictions":
        predictions = PublishedPage.read(path).predictions.to_bytes() + b" "
    target.write_bytes(packed(json.dumps(content), predictions))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("score", r"row \w{8}: test.accuracy.mean: published 0.99, recomputed 0\.\d+"),
        ("seed", r"row \w{8}: id: published"),
        ("path", r"page.protocols.0.studies.0.command: folders: published .*/home/ann/data"),
        ("predictions", r"row.zip: SHA-256: published"),
    ],
)
def test_a_tampered_row_is_refused_naming_the_figure(
    handed_in: Path, pages: Path, tmp_path: Path, change: str, named: str
) -> None:
    evil, before = tmp_path / "row.zip", (pages / "blobs.json").read_bytes()
    tampered(handed_in, evil, change)
    done = run("verify", evil)
    assert done.returncode == 1 and re.search(f"^different: {named}", done.stdout, re.MULTILINE), done.stdout
    line = refusal(run("leaderboard", "blobs", "--publish", pages, "--add", evil), "is not what its predictions give")
    assert re.search(named, line) and (pages / "blobs.json").read_bytes() == before


def test_what_is_no_submitted_row_is_one_line(handed_in: Path, tmp_path: Path) -> None:
    refusal(run("verify", tmp_path / "absent.zip"), "no submitted row at")
    (tmp_path / "text.zip").write_text("x")
    refusal(run("verify", tmp_path / "text.zip"), "is no submitted row", "bench submit")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("row.json", "{}")
    refusal(run("verify", tmp_path / "other.zip"), "row.predictions.npz")
    (tmp_path / "record.zip").write_bytes(packed("{}", unpacked(handed_in)[1]))
    refusal(run("verify", tmp_path / "record.zip"), "no leaderboard that this version")
    refusal(
        run("leaderboard", "fsdd", "--publish", tmp_path, "--add", handed_in), "is of data set blobs, and not of fsdd"
    )
    refusal(run("leaderboard", "blobs", "--add", handed_in), "--add goes with --publish", code=2)
    refusal(run("submit", "x", "--out", tmp_path / "row.json"), "that is what a page is called", code=2)


def test_a_page_whose_predictions_were_changed_is_not_merged_into(machines: Path, pages: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pages, tmp_path / "pages")
    (copy / "blobs.predictions.npz").write_bytes(PublishedPage.read(pages / "blobs.json").predictions.to_bytes() + b" ")
    refusal(publish(machines / "third", copy), "is not the file that")

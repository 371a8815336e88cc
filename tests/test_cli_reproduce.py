"""`bench reproduce` end to end: a recipe on recordings of one's own, and then its result as a row of a leaderboard.

The recipe is run by a worker, and the others inside the test's own process.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runner import refusal, run
from made_audio import cats_and_dogs, prepared, tone, write

from bench.evaluation.metrics import Scores
from bench.plugins import PluginConfig
from bench.reporting.leaderboard_records import Leaderboard, Protocol, Row, SeedRun
from bench.reporting.numbers import Spread
from bench.reporting.verdicts import DIFFERS, SAME, ReproductionVerdict
from bench.results.study_records import RunRecord
from bench.search.reproduction import Reproduction
from bench.trial import Hardware, TrialResult


def published(record: RunRecord, path: Path) -> str:
    """A leaderboard whose one row has this one run. The row as it is named on the command line."""

    def measured(scores: Scores | None) -> Scores:
        assert scores is not None
        return scores

    result: TrialResult = record.result
    validation, test = measured(result.validation), measured(result.test)
    row = Row(
        rank=1,
        id=record.spec.configuration()[:8],
        origin=record.origin,
        feature=record.spec.feature,
        model=record.spec.model,
        training=record.spec.training,
        parameters=result.parameters,
        runs=(
            SeedRun(
                run=f"{record.study}/{record.name}",
                finished=record.finished,
                spec=record.spec,
                validation=validation,
                test=test,
                best_epoch=result.best_epoch,
                train_seconds=result.train_seconds,
                latency_ms=result.latency_ms,
                peak_memory_mb=result.peak_memory_mb,
                hardware=result.hardware,
            ),
        ),
        validation={name: Spread.of([value]) for name, value in validation.figures().items()},
        test={name: Spread.of([value]) for name, value in test.figures().items()},
        test_interval=None,
        train_seconds=Spread.of([result.train_seconds]),
    )
    protocol = Protocol(
        dataset=record.spec.dataset,
        revision=record.spec.revision,
        objective=record.spec.objective,
        labels=("cat", "dog"),
        seconds=0.5,
        supports={},
        notes=(),
        rows=(row,),
        studies=(),
    )
    leaderboard = Leaderboard(dataset="folder:gone", updated=record.finished, protocols=(protocol,))
    path.write_text(leaderboard.model_dump_json())
    return f"{path}:{row.id}"


def reproduction(folder: Path) -> RunRecord:
    return RunRecord.model_validate_json((folder / "reproduction-1-seed-0" / "run.json").read_bytes())


def test_a_recipe_and_then_its_row_where_the_files_have_moved(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio")
    done = run("reproduce", "digits-cnn", "--dataset", f"folder:{audio}", "--seeds", "1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results").glob("reproduce-digits-cnn-folder-audio-*")
    first = reproduction(folder)
    report = folder / "reproduction-1-seed-0" / "report"
    names = {path.name for path in report.iterdir()}
    assert {"report.md", "report.json", "confusion-matrix.png", "loss-curves.png", "activations.png"} <= names
    assert f"report: {report / 'report.md'}" in done.stdout
    assert json.loads((report / "report.json").read_text())["report"]["split"] == "test"
    assert "This run was started by `" in (report / "report.md").read_text()

    row = published(first, tmp_path / "page.json")
    moved = audio.rename(tmp_path / "moved")
    refusal(run("reproduce", row))
    done = run("reproduce", row, "--dataset", f"folder:{moved}", "--workers", "0", "--threads", "1")
    assert done.returncode == 0, done.stderr
    again = reproduction(tmp_path / "results" / f"reproduce-{row.rpartition(':')[2]}")
    assert again.result.epochs[-1].train_loss == first.result.epochs[-1].train_loss
    assert (again.result.validation, again.result.test) == (first.result.validation, first.result.test)
    assert done.stdout.count("+0.0000") == 2
    assert "published row" not in done.stderr
    assert "\nverdict: the same to the last digit (1 of 1 seed the same to the last digit)\n" in done.stdout

    again_elsewhere = ("reproduce", row, "--dataset", f"folder:{moved}")
    done = run(*again_elsewhere, "--threads", "2")
    assert "warning: the number of threads is 2 here, 1 in the published row" in done.stderr
    verdict = verdict_of(done.stdout)
    assert verdict.verdict != SAME or verdict.seeds[0].verdict == SAME, "two threads may sum in another order"
    assert "the number of threads is 2 here, 1 in the published row" in verdict.differences

    page = json.loads((tmp_path / "page.json").read_text())
    scores = page["protocols"][0]["rows"][0]["runs"][0]
    for split in ("validation", "test"):  # six clips each: what is less than all of them is far from none
        scores[split]["accuracy"] = 1.0 if scores[split]["accuracy"] < 0.5 else 0.0
        scores[split]["clips"] = 6
    (tmp_path / "page.json").write_text(json.dumps(page))
    done = run(*again_elsewhere)
    verdict = verdict_of(done.stdout)
    assert (
        done.returncode == int(verdict.verdict == DIFFERS)
        and f"\nverdict: {verdict.verdict} (0 of 1 seed" in done.stdout
    )
    assert "how far seeds go apart is not known" in verdict.differences[-1]


def verdict_of(printed: str) -> ReproductionVerdict:
    (folder,) = (line.removeprefix("all files: ") for line in printed.splitlines() if line.startswith("all files: "))
    return ReproductionVerdict.model_validate_json((Path(folder) / "verdict.json").read_bytes())


@pytest.mark.parametrize(
    ("dataset", "complaint"), [("fsdd", "the row is of data set folder"), ("folder", "needs its path")]
)
def test_a_row_cannot_be_run_on_another_data_set(tmp_path: Path, dataset: str, complaint: str) -> None:
    from reporting_results import fitted, run_record, study_record

    record = study_record(dataset=PluginConfig(name="folder", options={"path": "gone"}))
    row = published(run_record(record, kind="final", predictions=fitted(seed=1)), tmp_path / "page.json")
    refusal(run("reproduce", row, "--dataset", dataset), complaint)
    refusal(run("reproduce", row), "the row is of folder:gone, which is not found here", "--dataset folder:PATH")
    refusal(run("reproduce", row, "--dataset", f"folder:{tmp_path}"), "unknown model 'logistic'")


def test_a_recipe_with_changed_settings_says_so_in_the_table(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio")
    chosen = ("--seeds", "2", "--workers", "0", "--threads", "1", "--set", "training.epochs=1")
    done = run("reproduce", "digits-cnn", "--dataset", f"folder:{audio}", *chosen)
    assert done.returncode == 0, done.stderr
    assert "[2/2] reproduction-1-seed-1 " in done.stderr + done.stdout
    page = tmp_path / "page.md"
    done = run("reproduce", "--table", "--output", str(page))
    assert done.returncode == 0, done.stderr
    (test_line,) = [line for line in done.stdout.splitlines() if "test accuracy" in line]
    assert (
        test_line.startswith("digits-cnn ") and "(n=2)" in test_line and "folder:audio, 28 / 6 / 6 clips" in test_line
    )
    text = page.read_text()
    assert "- epochs 1, published 3" in text and "| digits-cnn | test accuracy | – |" in text  # noqa: RUF001

    page.write_text("somebody's notes")
    refusal(run("reproduce", "--table", "--output", page), "left alone")
    assert page.read_text() == "somebody's notes"


def test_published_figures_are_compared_on_the_data_they_are_of_and_other_counts_are_said(tmp_path: Path) -> None:
    from bench.plugins.registry import installed
    from bench.search.reproduction import of_recipe

    recipe = installed().recipe("digits-parallel-cnn-lstm")
    audio = cats_and_dogs(tmp_path / "audio")
    data = prepared(installed().dataset(PluginConfig(name="folder", options={"path": str(audio)})), tmp_path)

    def on(name: str) -> Reproduction:
        return of_recipe(recipe, PluginConfig(name=name), folder="x", settings={}, seeds=2)

    assert on("fsdd").published == ({}, {}) and not on("fsdd").published_clips
    same = on("speechcommands-digits")
    assert same.published[1] == {"validation_accuracy": 0.8492, "test_accuracy": 0.8429}
    lines = same.record(data, same_hardware(), registry=installed(), command="bench reproduce x").differences
    assert lines[0] == "published with 18,620 clips in train, here 28: the figures are of other data"


def same_hardware() -> Hardware:
    return Hardware(device="cpu", threads=1, system="", versions={})


def test_every_recipe_is_listed() -> None:
    from bench.plugins.registry import installed

    listed = run("reproduce", "--list").stdout.splitlines()[1:]
    assert [line.split()[0] for line in listed] == sorted(installed().recipes)
    (baseline,) = [line for line in listed if line.startswith("digits-cnn ")]
    assert "speechcommands-digits  validation accuracy 0.2640, test accuracy 0.2760" in baseline


@pytest.mark.parametrize(
    ("code", "words", "complaint"),
    [
        (2, (), "name a recipe"),
        (2, ("digits-cnn", "--list"), "name a recipe"),
        (2, ("digits-cnn", "--output", "x.md"), "--output is for"),
        (1, ("digits-cnn", "--set", "training.epoch=2"), "did you mean training.epochs"),
        (1, ("digits-cnn", "--set", "model.cnn.blocks=3"), "only dataset. and training. settings"),
        (1, ("digits-cnn", "--set", "training.epochs=0"), "option 'epochs'"),
        (2, ("leaderboards/fsdd.json:x", "--set", "training.epochs=2"), "is run as it is"),
        (1, ("--table",), "no recipe was run"),
    ],
)
def test_wrong_use_is_one_line(code: int, words: tuple[str, ...], complaint: str) -> None:
    refusal(run("reproduce", *words), complaint, code=code)


def test_all_goes_on_past_recipes_whose_data_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no data at all every recipe is a line, and then there is no table to print."""
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "empty"))
    done = run("reproduce", "--all")
    from bench.plugins.registry import installed

    said = [line.split(": ")[2] for line in done.stderr.splitlines() if line.startswith("bench: warning: ")]
    assert said == sorted(installed().recipes)
    assert done.returncode == 1 and "bench: no recipe was run" in done.stderr


def test_clips_decided_by_their_segments_are_reported_with_both(tmp_path: Path) -> None:
    from bench.tracking.run_contents import run_metrics

    audio = cats_and_dogs(tmp_path / "audio")
    write(audio / "cat" / "short.wav", tone(99, seconds=0.1))
    chosen = (
        "--seeds",
        "1",
        "--workers",
        "0",
        "--threads",
        "1",
        "--set",
        "training.epochs=1",
        "--set",
        "training.steps=2",
    )
    smaller = ("--set", "training.segment_seconds=0.2", "--set", "training.batch_size=4")
    done = run("reproduce", "cats-dogs-cnn1d", "--dataset", f"folder:{audio}", *chosen, *smaller)
    assert done.returncode == 0, done.stderr
    short = "1 clip is shorter than the segments of 0.2 s: each is one segment, with zeros at its end"
    for line in (short, "epochs 1, published 20", "steps 2, published 75"):
        assert f"bench: warning: {line}\n" in done.stderr
    (folder,) = (tmp_path / "results").glob("reproduce-cats-dogs-cnn1d-*")
    record = reproduction(folder)
    assert record.result.test is not None and record.result.test_segments is not None
    assert record.result.test.clips == 6 and record.result.test_segments.clips > 6
    report = (folder / "reproduction-1-seed-0" / "report" / "report.md").read_text()
    header, _, clips = report.partition("## Scores\n\n")[2].splitlines()[:3]
    columns = [title.strip() for title in header.split("|")]
    assert columns[2:6] == ["Validation", "Validation, segments", "Test", "Test, segments"]
    assert short in report
    assert int(clips.split("|")[5]) == record.result.test_segments.clips
    assert run_metrics(record)["test_segment_accuracy"] == round(record.result.test_segments.accuracy, 4)


def test_clips_shorter_than_the_network_takes_are_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Four frames are too few for four halvings; where all clips have so few, there is nothing to go on with."""
    chosen = ("--seeds", "1", "--workers", "0", "--threads", "1")
    for setting in ("epochs=1", "offline_copies=0", "batch_size=8"):
        chosen += ("--set", f"training.{setting}")
    mixed, short = cats_and_dogs(tmp_path / "mixed", 10), tmp_path / "short"
    for number in range(10):
        write(short / "ab"[number % 2] / f"{number}.wav", tone(number, seconds=0.1))
    for number, label in enumerate(("cat", "dog")):
        write(mixed / label / "short.wav", tone(90 + number, seconds=0.1))
    done = run("reproduce", "emodb-cnn-lstm", "--dataset", f"folder:{mixed}", *chosen)
    assert done.returncode == 0, done.stderr
    assert "2 clips are shorter than cnn-lstm on mel takes: their features get zeros before them" in done.stderr
    done = run("reproduce", "emodb-cnn-lstm", "--dataset", f"folder:{short}", *chosen)
    refusal(done, "needs at least 16 frames, not 4")
    assert "shorter than" not in done.stderr

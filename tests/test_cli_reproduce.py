"""`bench reproduce` end to end: a recipe on recordings of one's own, and then its result as a row of a leaderboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from made_audio import cats_and_dogs
from typer.testing import CliRunner, Result

from bench.cli import reproduce
from bench.errors import BenchError
from bench.evaluation.metrics import Scores
from bench.evaluation.uncertainty import Interval
from bench.plugins import PluginConfig
from bench.reporting.numbers import Spread
from bench.reporting.records import Leaderboard, Protocol, Row, SeedRun
from bench.results.records import RunRecord
from bench.trial import TrialResult


def invoke(*words: str) -> Result:
    app = typer.Typer()
    app.command()(reproduce.command)
    return CliRunner().invoke(app, list(words))


def published(run: RunRecord, path: Path) -> str:
    """A leaderboard whose one row has this one run. The row as it is named on the command line."""

    def measured(scores: Scores | None) -> Scores:
        assert scores is not None
        return scores

    result: TrialResult = run.result
    validation, test = measured(result.validation), measured(result.test)
    row = Row(
        rank=1,
        id=run.spec.configuration()[:8],
        origin=run.origin,
        feature=run.spec.feature,
        model=run.spec.model,
        training=run.spec.training,
        parameters=result.parameters,
        runs=(
            SeedRun(
                run=f"{run.study}/{run.name}",
                finished=run.finished,
                spec=run.spec,
                validation=validation,
                test=test,
                best_epoch=result.best_epoch,
                train_seconds=result.train_seconds,
                latency_ms=result.latency_ms,
                peak_memory_mb=result.peak_memory_mb,
                hardware=result.hardware,
            ),
        ),
        validation={"accuracy": Spread.of([validation.accuracy])},
        test={"accuracy": Spread.of([test.accuracy])},
        macro_f1=Spread.of([test.macro_f1]),
        test_interval=Interval(low=0, high=1, over="clips", units=test.clips, resamples=1),
        train_seconds=Spread.of([result.train_seconds]),
    )
    protocol = Protocol(
        dataset=run.spec.dataset,
        revision=run.spec.revision,
        objective=run.spec.objective,
        labels=("cat", "dog"),
        seconds=0.5,
        supports={},
        notes=(),
        rows=(row,),
        studies=(),
    )
    leaderboard = Leaderboard(dataset="folder:gone", updated=run.finished, protocols=(protocol,))
    path.write_text(leaderboard.model_dump_json())
    return f"{path}:{row.id}"


def reproduction(folder: Path) -> RunRecord:
    return RunRecord.model_validate_json((folder / "reproduction-1-seed-0" / "run.json").read_bytes())


def test_a_recipe_and_then_its_row_where_the_files_have_moved(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio")
    done = invoke("digits-cnn", "--dataset", f"folder:{audio}", "--seeds", "1", "--threads", "1")
    assert done.exit_code == 0, (done.output, done.exception)
    (folder,) = (tmp_path / "results").glob("reproduce-digits-cnn-folder-audio-*")
    first = reproduction(folder)
    report = folder / "reproduction-1-seed-0" / "report"
    assert {path.name for path in report.iterdir()} == {
        "report.md",
        "report.json",
        "confusion-matrix.png",
        "loss-curves.png",
    }
    assert f"report: {report / 'report.md'}" in done.stdout
    assert json.loads((report / "report.json").read_text())["report"]["split"] == "test"
    assert "This run was started by `" in (report / "report.md").read_text()

    row = published(first, tmp_path / "page.json")
    moved = audio.rename(tmp_path / "moved")
    assert isinstance(invoke(row).exception, BenchError)
    done = invoke(row, "--dataset", f"folder:{moved}")
    assert done.exit_code == 0, (done.output, done.exception)
    again = reproduction(tmp_path / "results" / f"reproduce-{row.rpartition(':')[2]}")
    assert again.result.epochs[-1].train_loss == first.result.epochs[-1].train_loss
    assert (again.result.validation, again.result.test) == (first.result.validation, first.result.test)
    assert done.stdout.count("+0.0000") == 2
    assert "published row" not in done.stderr


@pytest.mark.parametrize(
    ("dataset", "complaint"), [("fsdd", "the row is of data set folder"), ("folder", "needs its path")]
)
def test_a_row_cannot_be_run_on_another_data_set(tmp_path: Path, dataset: str, complaint: str) -> None:
    from reporting_results import fitted, run_record, study_record

    record = study_record(dataset=PluginConfig(name="folder", options={"path": "gone"}))
    row = published(run_record(record, kind="final", predictions=fitted(seed=1)), tmp_path / "page.json")
    with pytest.raises(BenchError, match=complaint):
        raise invoke(row, "--dataset", dataset).exception or AssertionError
    with pytest.raises(BenchError, match="unknown model 'logistic'"):
        raise invoke(row).exception or AssertionError

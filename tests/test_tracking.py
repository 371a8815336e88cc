"""MLflow as the scheduler uses it, on real SQLite databases."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from tracking_samples import EPOCHS, epoch, finished, save, study_record, trial_spec

from bench.errors import BenchError
from bench.passwords import command_without_passwords, stripped_of_password, without_password
from bench.plugins import PluginConfig
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.tracking import run_contents
from bench.tracking.tracker import Tracker
from bench.tracking.tracking_store import create_database, default_uri
from bench.trial import Status, TrialOutcome

LOST = "lost"


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema, made once: that alone takes longer than most of these tests."""
    folder = tmp_path_factory.mktemp("blank")
    create_database(folder)
    return folder / "mlflow.db"


@pytest.fixture
def results(tmp_path: Path, blank: Path) -> Path:
    """A results folder with no study in it yet."""
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(blank, folder)
    return folder


def log_run(tracker: Tracker, results: Path, run: RunRecord, outcome: TrialOutcome) -> str:
    """A run from its start to its end, as the scheduler logs it."""
    run_id = tracker.start_run(
        run.study, run.name, run.spec, kind=run.kind, number=run.number, repeat=run.repeat, origin=run.origin
    )
    for done in run.result.epochs:
        tracker.log_epoch(run_id, done)
    tracker.finish_run(run_id, run, save(results, run, outcome))
    return run_id


def client(results: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(default_uri(results))


def stored(results: Path, dataset: str = "fsdd") -> dict[str, Any]:
    """Every run that MLflow shows, by its name: `study` for the parent. Fails where a name is there twice."""
    reader = client(results)
    runs = reader.search_runs([reader.get_experiment_by_name(dataset).experiment_id])
    names = [run.data.tags.get("bench.run", "study") for run in runs]
    assert len(names) == len(set(names)), names
    return dict(zip(names, runs, strict=True))


def test_a_study_becomes_a_tree_of_runs(results: Path) -> None:
    board, page, report = (results / name for name in ("leaderboard.md", "fsdd.html", "report.html"))
    for file in (board, page, report):
        file.write_text("# first")
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        run_id = log_run(tracker, results, *finished(0))
        log_run(tracker, results, *finished(1, kind="final", repeat=1))
        tracker.attach("digits", "final-1-seed-1", [report])
        reports = dict.fromkeys(("final-1-seed-1", "trial-0000", "final-9-seed-0"), "report.html")
        tracker.finish_study("digits", best={"test_accuracy": 0.5}, artifacts=[board, page], reports=reports)

    runs = stored(results)
    assert set(runs) == {"study", "trial-0000", "final-1-seed-1"}
    study, trial, final = runs["study"], runs["trial-0000"], runs["final-1-seed-1"]
    assert study.info.run_name == "digits"
    assert study.info.status == "FINISHED"
    assert study.data.params["trials"] == "4"
    assert study.data.metrics == {"test_accuracy": 0.5}
    assert "bench run --dataset fsdd" in study.data.tags["mlflow.note.content"]
    assert "| test accuracy | 0.5 |" in study.data.tags["mlflow.note.content"]
    of_experiment = f"#/experiments/{study.info.experiment_id}/runs"
    assert study.data.tags["mlflow.note.content"].startswith(
        f"Pages: [fsdd.html]({of_experiment}/{study.info.run_id}/artifacts/fsdd.html), "
        f"[final-1-seed-1]({of_experiment}/{final.info.run_id}/artifacts/report.html)\n\n**"
    ), "and no link to what is not there"

    assert trial.info.run_id == run_id
    assert trial.info.run_name == "trial-0000 tc-resnet + mel"
    assert {run.data.tags["mlflow.parentRunId"] for run in (trial, final)} == {study.info.run_id}
    wanted = {"model": "tc-resnet", "feature": "mel", "feature.n_mels": "40", "model.width": "1.5", "seed": "0"}
    assert wanted.items() <= trial.data.params.items()
    assert trial.data.params["training.noise_snr"] == "null"
    assert trial.info.end_time == run_contents.milliseconds("2026-01-02T03:05:09Z")
    reader = client(results)
    files = {file.path for file in reader.list_artifacts(final.info.run_id)}
    assert files == {"run.json", "validation.npz", "test.npz", "weights.safetensors", "report.html"}
    assert Path(reader.download_artifacts(study.info.run_id, "leaderboard.md")).read_text() == "# first"
    location = reader.get_experiment(study.info.experiment_id).artifact_location
    assert location == (results / "artifacts" / "fsdd").as_uri()
    assert [experiment.name for experiment in reader.search_experiments()] == ["fsdd"]


def test_curves_keep_every_epoch_and_the_best_has_a_name_of_its_own(results: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        run_id = log_run(tracker, results, *finished(0))
    reader = client(results)
    curve = [(point.step, point.value) for point in reader.get_metric_history(run_id, "validation_accuracy")]
    assert sorted(curve) == [(done.number, done.validation_accuracy) for done in EPOCHS]
    metrics = reader.get_run(run_id).data.metrics
    assert metrics["validation_accuracy"] == EPOCHS[-1].validation_accuracy
    assert metrics["best_validation_accuracy"] == pytest.approx(5 / 6, abs=5e-5)
    assert metrics["best_epoch"] == 2
    assert "test_accuracy" not in metrics
    assert "peak_memory_mb" not in metrics


def test_finals_alone_have_test_metrics(results: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        run_id = log_run(tracker, results, *finished(1, kind="final"))
    metrics = client(results).get_run(run_id).data.metrics
    assert metrics["test_accuracy"] == pytest.approx(4 / 6, abs=5e-5)
    assert 0 < metrics["test_macro_f1"] < 1


def test_every_status_is_told_apart(results: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        for number, status in enumerate(get_args(Status)):
            log_run(tracker, results, *finished(number, status=status))
    by_status = {run.data.tags["bench.status"]: run for name, run in stored(results).items() if name != "study"}
    assert set(by_status) == set(get_args(Status))
    assert by_status["complete"].info.status == "FINISHED"
    assert by_status["pruned"].info.status == "KILLED"
    assert by_status["failed"].info.status == "FAILED"
    assert by_status["pruned"].data.tags["bench.reason"] == "the reason in a line"
    assert "bench.reason" not in by_status["complete"].data.tags
    files = [file.path for file in client(results).list_artifacts(by_status["failed"].info.run_id)]
    assert files == ["run.json", "traceback.txt"]


def test_a_resumed_study_keeps_its_parent_and_another_of_that_name_gets_its_own(results: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record(trials=4))
        log_run(tracker, results, *finished(0))
        tracker.interrupt_study("digits", "stopped by hand")
    first = stored(results)["study"]
    assert first.info.status == "KILLED"
    assert first.data.tags["bench.reason"] == "stopped by hand"

    with Tracker(results) as tracker:
        tracker.start_study(study_record(trials=9))
        assert stored(results)["study"].info.status == "RUNNING"
        log_run(tracker, results, *finished(1))
        tracker.finish_study("digits", best={})
    runs = stored(results)
    assert set(runs) == {"study", "trial-0000", "trial-0001"}
    assert runs["study"].info.run_id == first.info.run_id
    assert runs["study"].data.tags["bench.trials"] == "9"
    assert runs["study"].data.params["trials"] == "4"

    with Tracker(results) as tracker:
        tracker.start_study(study_record(created="2026-05-05T00:00:00+00:00"))
        tracker.finish_study("digits", best={})
    reader = client(results)
    assert len(reader.search_runs([first.info.experiment_id], "tags.`bench.kind` = 'study'")) == 2


def test_of_a_run_that_is_started_again_the_last_attempt_alone_counts(results: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        first = tracker.start_run("digits", "trial-0000", trial_spec(), kind="trial", number=0)
        tracker.log_epoch(first, epoch(1, 0.1))
        second = log_run(tracker, results, *finished(0))
    assert stored(results)["trial-0000"].info.run_id == second
    reader = client(results)
    assert [point.value for point in reader.get_metric_history(second, "train_accuracy") if point.step == 1] == [0.5]
    old = reader.get_run(first)
    assert (old.info.lifecycle_stage, old.info.status) == ("deleted", "KILLED")
    assert old.data.tags["bench.status"] == LOST


def test_what_is_left_open_is_ended_when_the_tracker_closes(results: Path) -> None:
    with pytest.raises(ZeroDivisionError), Tracker(results) as tracker:
        tracker.start_study(study_record())
        tracker.start_run("digits", "trial-0000", trial_spec(), kind="trial", number=0)
        _ = 1 / 0
    runs = stored(results)
    assert {run.info.status for run in runs.values()} == {"KILLED"}
    assert runs["trial-0000"].data.tags["bench.status"] == LOST
    assert runs["study"].data.tags["bench.status"] == "interrupted"


KILLED_SCHEDULER = """
import os, signal, sys
from pathlib import Path
from tracking_samples import *
from bench.tracking.tracker import Tracker
results = Path(sys.argv[1])
record = study_record()
StudyFolder(results / record.name).write(record)
tracker = Tracker(results)
tracker.start_study(record)
def start(number):
    run, outcome = finished(number)
    return run, outcome, tracker.start_run("digits", run.name, run.spec, kind="trial", number=number)
run, outcome, whole = start(0)
for done in run.result.epochs:
    tracker.log_epoch(whole, done)
tracker.finish_run(whole, run, save(results, run, outcome))
run, outcome, half = start(1)
tracker.log_epoch(half, run.result.epochs[0])
save(results, run, outcome)
start(2)
save(results, *finished(3))
save(results, *finished(1, kind="final"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_scheduler(source: str, results: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", source, str(results)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_after_a_killed_scheduler_mlflow_is_brought_up_to_what_is_on_disk(results: Path) -> None:
    scheduler = run_scheduler(KILLED_SCHEDULER, results)
    assert scheduler.returncode == -signal.SIGKILL, scheduler.stderr
    before = stored(results)
    assert before["trial-0001"].info.status == before["study"].info.status == "RUNNING"

    with Tracker(results) as tracker:
        mended = tracker.reconcile(StudyFolder(results / "digits"))
        assert mended.logged == ("trial-0001", "trial-0003", "final-1-seed-0")
        assert mended.lost == ("trial-0002",)
        again = tracker.reconcile(StudyFolder(results / "digits"))
        assert again.logged == again.lost == ()
        tracker.finish_study("digits", best={})

    after = stored(results)
    assert set(after) == {"study", *(f"trial-000{number}" for number in range(4)), "final-1-seed-0"}
    assert after["trial-0000"].info.run_id == before["trial-0000"].info.run_id
    for name in ("trial-0001", "trial-0003", "final-1-seed-0"):
        assert after[name].info.status == "FINISHED"
        assert after[name].info.end_time - after[name].info.start_time == 9_000
        points = client(results).get_metric_history(after[name].info.run_id, "train_loss")
        assert sorted((point.step, point.value) for point in points) == [(e.number, e.train_loss) for e in EPOCHS]
    assert after["trial-0002"].info.status == "KILLED"
    assert after["trial-0002"].data.tags["bench.status"] == LOST


def test_a_run_whose_folder_was_moved_away_is_gone_in_mlflow_until_it_is_back(results: Path, tmp_path: Path) -> None:
    StudyFolder(results / "digits").write(study_record())
    folders = [save(results, *finished(number)) for number in range(2)]
    with Tracker(results) as tracker:
        tracker.reconcile(StudyFolder(results / "digits"))
    assert not (results / "mlflow.db-wal").exists(), "the database is whole in one file"
    folders[1].rename(tmp_path / "away")
    with Tracker(results) as tracker:
        tracker.reconcile(StudyFolder(results / "digits"))
    gone = stored(results)["trial-0001"].data.tags
    assert gone["bench.status"] == "gone" and "no longer in the results folder" in gone["bench.reason"]
    assert stored(results)["trial-0000"].data.tags["bench.status"] == "complete"
    (tmp_path / "away").rename(folders[1])
    with Tracker(results) as tracker:
        assert tracker.reconcile(StudyFolder(results / "digits")).logged == ("trial-0001",)
    assert stored(results)["trial-0001"].data.tags["bench.status"] == "complete"


def test_a_deleted_database_is_made_again_from_the_results_folder(results: Path) -> None:
    StudyFolder(results / "digits").write(study_record())
    for number in range(2):
        folder = save(results, *finished(number))
    (folder / "report").mkdir()
    (folder / "report" / "report.md").write_text("# Report")
    with Tracker(results) as tracker:
        assert tracker.reconcile(StudyFolder(results / "digits")).logged == ("trial-0000", "trial-0001")
    last = stored(results)["trial-0001"]
    assert last.data.metrics["best_validation_accuracy"] == pytest.approx(5 / 6, abs=5e-5)
    assert "report.md" in [file.path for file in client(results).list_artifacts(last.info.run_id)]


def test_nothing_reaches_the_terminal(results: Path) -> None:
    quiet = run_scheduler(KILLED_SCHEDULER, results / "fresh")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_two_schedulers_that_start_at_once_share_one_database(tmp_path: Path) -> None:
    """As many processes as make the schema at the same moment, none loses what it logged."""
    source = "import sys; from tracking_samples import *; from bench.tracking.tracker import Tracker\n"
    source += "with Tracker(Path(sys.argv[1])) as t: t.start_study(study_record(sys.argv[2]))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    schedulers = [
        subprocess.Popen([sys.executable, "-c", source, str(tmp_path), name], env=environment) for name in "ab"
    ]
    assert [scheduler.wait(120) for scheduler in schedulers] == [0, 0]
    reader = client(tmp_path)
    runs = reader.search_runs([reader.get_experiment_by_name("fsdd").experiment_id])
    assert {run.info.run_name for run in runs} == {"a", "b"}


def test_telemetry_is_off_unless_the_user_wants_it(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI"):
        monkeypatch.delenv(name, raising=False)
    source = "import sys; from pathlib import Path; from bench.tracking.tracker import Tracker\n"
    source += (
        "Tracker(Path(sys.argv[1]))\nfrom mlflow.telemetry.utils import is_telemetry_disabled as off; print(off())"
    )
    assert run_scheduler(source, results).stdout == "True\n"


@pytest.mark.parametrize("name", ["with space", "%20 que?stion #1;&x=1", "ümlaut 'q\""])
def test_any_results_folder_works(tmp_path: Path, name: str) -> None:
    results = tmp_path / "parent" / name
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        run_id = log_run(tracker, results, *finished(0))
    assert list(results.parent.iterdir()) == [results]
    ours = [path.name for path in results.iterdir() if not path.name.startswith("mlflow.db-")]  # SQLite's journal
    assert sorted(ours) == ["artifacts", "digits", "mlflow.db"]
    assert (results / "artifacts" / "fsdd" / run_id / "artifacts" / "run.json").is_file()


def test_a_moved_results_folder_keeps_its_artifacts_with_it(results: Path, tmp_path: Path) -> None:
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        first = log_run(tracker, results, *finished(0))
    shutil.move(results, tmp_path / "new place")
    with Tracker(tmp_path / "new place") as tracker:
        tracker.start_study(study_record())
        second = log_run(tracker, tmp_path / "new place", *finished(1))
    assert not (results).exists()
    reader = client(tmp_path / "new place")
    for run_id in (first, second):
        assert [file.path for file in reader.list_artifacts(run_id)] == ["run.json", "validation.npz"]


def test_more_options_than_a_batch_takes_are_all_logged(results: Path) -> None:
    options = {f"option_{number}": number for number in range(250)}
    spec = trial_spec().model_copy(update={"model": PluginConfig(name="wide", options=options)})
    with Tracker(results) as tracker:
        tracker.start_study(study_record())
        run_id = tracker.start_run("digits", "trial-0000", spec, kind="trial", number=0)
    assert client(results).get_run(run_id).data.params["model.option_249"] == "249"


FULL_DISK = """
import resource, sys
from pathlib import Path
from tracking_samples import *
from bench.errors import BenchError
from bench.tracking.tracker import Tracker
results = Path(sys.argv[1])
tracker = Tracker(results)
tracker.start_study(study_record())
run_id = tracker.start_run("digits", "trial-0000", trial_spec(), kind="trial", number=0)
size = (results / "mlflow.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    for number in range(1, 200):
        tracker.log_epoch(run_id, epoch(number, 0.5))
except BenchError as error:
    print(error)
"""


def test_a_full_disk_is_said_in_one_line(results: Path) -> None:
    scheduler = run_scheduler(FULL_DISK, results)
    assert scheduler.stderr == ""
    assert scheduler.stdout.count("\n") == 1
    assert "epoch" in scheduler.stdout
    assert "check free space" in scheduler.stdout


def test_a_damaged_database_is_said_in_one_line(results: Path) -> None:
    (results / "mlflow.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(BenchError, match=r"mlflow\.db is damaged .*move it away") as raised:
        Tracker(results)
    assert "\n" not in str(raised.value)


def test_a_results_folder_that_cannot_be_made_is_said_in_one_line(results: Path) -> None:
    (results / "file").write_text("in the way")
    with pytest.raises(BenchError, match="file") as raised:
        Tracker(results / "file")
    assert "\n" not in str(raised.value)


def test_a_database_whose_schema_is_another_mlflows_is_said(results: Path) -> None:
    Tracker(results).close()
    other = results / "other"
    other.mkdir()
    shutil.copy(results / "mlflow.db", other)
    with sqlite3.connect(other / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abcdef123456'")
    connection.close()
    with pytest.raises(BenchError, match="schema"):
        Tracker(other)


def test_a_server_that_is_away_is_said_without_its_password(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BenchError, match="check that the server runs") as raised:
        Tracker(results, tracking_uri="http://ann:s3cret@127.0.0.1:9")
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_run_of_a_study_that_was_not_started_is_refused(results: Path) -> None:
    with Tracker(results) as tracker, pytest.raises(BenchError, match="not open"):
        tracker.start_run("digits", "trial-0000", trial_spec(), kind="trial", number=0)


def test_passwords_stay_out_of_what_mlflow_is_told() -> None:
    told = run_contents.study_note(study_record()) + str(run_contents.study_tags(study_record()))
    assert "s3cret" not in told
    assert "ann:***@host" in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://ann:s3c@ret/x@db:5432/bench", "postgresql://ann:***@db:5432/bench"),
        ("postgresql+psycopg2://ann:@db/bench", "postgresql+psycopg2://ann:***@db/bench"),
        ("https://host/x?a=1&api_token=abc&b=2", "https://host/x?a=1&api_token=***&b=2"),
        ("postgresql://db/bench?user=ann&password=abc", "postgresql://db/bench?user=ann&password=***"),
        ("no ann:s3cret@host here", "no ann:s3cret@host here"),
        ("http://127.0.0.1:5000/#/x", "http://127.0.0.1:5000/#/x"),
        ("two http://a:b@c and http://d:e@f", "two http://a:***@c and http://d:***@f"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("http://t0ken@host:5000/x", "http://***@host:5000/x"),
        ("https://t0ken:@host and more", "https://***@host and more"),
        ("postgresql://ann@db/bench", "postgresql://ann@db/bench"),
        ("http://host/?api_key=abc", "http://host/?api_key=***"),
        ("http://host/?x=1&access_key=abc#top", "http://host/?x=1&access_key=***#top"),
        ("http://host/?key=abc&sig=d&sortkey=name", "http://host/?key=***&sig=***&sortkey=name"),
        ("postgresql://ann:s3 c\"re't/@db/bench", "postgresql://ann:***@db/bench"),
        ("--storage=postgresql://ann:s3 cret@db/bench", "--storage=postgresql://ann:***@db/bench"),
        ("postgresql://ann:p%40ss@db/bench?sslkey=/a/b.pem", "postgresql://ann:***@db/bench?sslkey=/a/b.pem"),
    ],
)
def test_passwords_are_cut_out_of_urls(given: str, expected: str) -> None:
    assert without_password(given) == expected


def test_a_command_line_is_kept_without_passwords_whatever_they_hold() -> None:
    words = ["bench", "run", "--storage", "postgresql://ann:s3 'cret@db/x", "--tracking-uri", "http://t0ken@host"]
    assert command_without_passwords(words) == (
        "bench run --storage 'postgresql://ann:***@db/x' --tracking-uri 'http://***@host'"
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://ann:s3/cret@db/x", 'invalid integer value "s3/cret" for connection option "port"'),
        ("postgresql://ann:abc/cret@db/x", 'invalid integer value "abc" for connection option "port"'),
        ("postgresql://ann:p%40ssw@db/x", "no such role with p@ssw"),
        ("http://t0ken@host", "GET http://host: Authorization t0ken"),
        ("http://host/?api_key=abcd", "the key abcd is not known"),
    ],
)
def test_what_a_library_says_of_a_password_in_its_own_words(address: str, said: str) -> None:
    told = without_password(said, of=address)
    assert "***" in told and not any(part in told for part in ("cret", "abc", "ssw", "t0ken"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://t0ken@host:5000", "http://host:5000"),
        ("http://host/?api_key=abc&x=1&token=d", "http://host/?x=1"),
        ("http://host/?api_key=abc", "http://host/"),
        ("postgresql://ann:s3 cret@db/x?sslmode=require", "postgresql://ann@db/x?sslmode=require"),
    ],
)
def test_an_address_is_recorded_without_what_opens_it(given: str, kept: str) -> None:
    assert stripped_of_password(given) == kept

"""What a study makes of the results folder that it is taken up from, of a second attempt, and of a database that fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import tracking_samples

from bench.errors import BenchError
from bench.executors.jobs import EpochDone, Finished, Job, Lost
from bench.options import RunOptions
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord, StudyRecord
from bench.search.assignment import Assignment
from bench.search.deferred_tracking import DeferredTracking
from bench.search.failures import NEVER_COMPLETE, FailureWatch
from bench.search.finals import FinalsSource
from bench.search.optuna_study import open_optuna_study
from bench.search.plan import check_same, make_plan
from bench.search.scheduler import Scheduler
from bench.search.search_source import SearchSource
from bench.search.study_storage import DATABASE_FILE, SqliteDatabase
from bench.sqlite import merge_wal, wal_is_damaged
from bench.trial import Status, TrialOutcome, TrialResult


def record(**changes: Any) -> StudyRecord:
    """A study with these options."""
    sample = tracking_samples.study_record()
    return sample.model_copy(update={"options": sample.options.model_copy(update=changes)})


def trial(study: StudyFolder, number: int, *, n_mels: int, wrong: int, status: Status = "complete") -> RunRecord:
    """A kept trial of a configuration of its own, with so many of six clips wrong."""
    predictions = tracking_samples.predictions(wrong)
    spec = tracking_samples.trial_spec(seed=number).model_copy(
        update={"feature": PluginConfig(name="mel", options={"n_mels": n_mels})}
    )
    run = RunRecord(
        study=study.name,
        kind="trial",
        number=number,
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:05:05+00:00",
        spec=spec,
        result=TrialResult(status=status, validation=tracking_samples.score(predictions)),
    )
    study.save(run, TrialOutcome(run.result, validation=predictions))
    return run


def finish(study: StudyFolder, assignment: Assignment) -> None:
    """Keeps a final as if it had run."""
    predictions = tracking_samples.predictions(1)
    scores = tracking_samples.score(predictions)
    run = RunRecord(
        study=study.name,
        kind="final",
        number=assignment.number,
        repeat=assignment.repeat,
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:05:05+00:00",
        spec=assignment.job.spec,
        result=TrialResult(status="complete", validation=scores, test=scores),
    )
    assert run.name == assignment.job.name
    study.save(run, TrialOutcome(run.result, validation=predictions, test=predictions))


def left(study: StudyFolder, of: StudyRecord) -> list[Assignment]:
    source = FinalsSource(record=of, study=study, registry=installed())
    return list(iter(source.next, None))


def test_a_configuration_that_is_best_only_after_more_trials_comes_to_the_finals(tmp_path: Path) -> None:
    study, asked = StudyFolder(tmp_path / "digits"), record(finalists=2, final_seeds=2)
    trial(study, 0, n_mels=40, wrong=3)
    trial(study, 1, n_mels=64, wrong=2)
    for assignment in left(study, asked):
        finish(study, assignment)
    assert left(study, asked) == []
    trial(study, 2, n_mels=80, wrong=0)
    more = left(study, asked)
    assert [assignment.job.spec.feature.options["n_mels"] for assignment in more] == [80, 80]
    names = [assignment.job.name for assignment in more]
    assert not set(names) & {run.name for run in study.finals()}, "no final is written over"
    assert names == ["final-3-seed-0", "final-3-seed-1"] and more[0].origin == "rank 1 by validation"


def test_finals_that_were_cut_short_keep_their_names(tmp_path: Path) -> None:
    study, asked = StudyFolder(tmp_path / "digits"), record(finalists=2, final_seeds=2)
    trial(study, 0, n_mels=40, wrong=1)
    trial(study, 1, n_mels=64, wrong=2)
    first, *others = left(study, asked)
    finish(study, first)
    assert [assignment.job.name for assignment in left(study, asked)] == [other.job.name for other in others]


def test_a_resumed_study_remembers_that_trials_were_complete(tmp_path: Path) -> None:
    study = StudyFolder(tmp_path / "digits")
    pruned = trial(study, 0, n_mels=40, wrong=1, status="pruned")
    resumed, fresh = FailureWatch(complete=1), FailureWatch()
    for _ in range(2 * NEVER_COMPLETE):
        resumed.saw(pruned)
    with pytest.raises(BenchError, match=f"none of {NEVER_COMPLETE} trials was complete"):
        for _ in range(NEVER_COMPLETE):
            fresh.saw(pruned)


def test_a_database_that_fails_while_the_study_runs_is_one_line(tmp_path: Path) -> None:
    study, asked = StudyFolder(tmp_path / "digits"), record()
    plan = make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn",), features=("mel",)))
    optuna_study = open_optuna_study(SqliteDatabase(study.folder / DATABASE_FILE), asked)
    source = SearchSource(
        record=asked,
        space=plan.space,
        study=study,
        registry=installed(),
        optuna_study=optuna_study,
        candidates=[],
    )
    first = source.next()
    assert first is not None
    with closing(sqlite3.connect(study.folder / DATABASE_FILE)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("trials", "trial_intermediate_values"):
            connection.execute(f"DROP TABLE {table}")
    for action in (source.next, lambda: source.epoch(first, tracking_samples.epoch(1, 0.5))):
        with pytest.raises(BenchError, match="no such table") as failure:
            action()
        assert str(study.folder / DATABASE_FILE) in str(failure.value) and len(str(failure.value).splitlines()) == 1


def test_trials_that_a_dead_head_left_running_go_before_what_was_queued(tmp_path: Path) -> None:
    study, asked = StudyFolder(tmp_path / "digits"), record(trials=2)
    plan = make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn", "crnn"), features=("mel",)))
    assert len(plan.candidates) > 2

    def take_up() -> list[Assignment]:
        source = SearchSource(
            record=asked,
            space=plan.space,
            study=study,
            registry=installed(),
            optuna_study=open_optuna_study(SqliteDatabase(study.folder / DATABASE_FILE), asked),
            candidates=list(plan.candidates),
        )
        return list(iter(source.next, None))

    first = take_up()
    assert [assignment.number for assignment in first] == [0, 1]
    for _ in range(2):
        again = take_up()
        assert [(a.number, a.origin, a.job.spec) for a in again] == [(a.number, a.origin, a.job.spec) for a in first]
    asked = record(trials=5)
    more = take_up()
    assert [assignment.number for assignment in more] == [0, 1, 2, 3, 4]
    origins = [candidate.origin for candidate in plan.candidates]
    assert [assignment.origin for assignment in more][: len(origins)] == origins[:5]


def test_a_second_attempt_tells_no_epoch_twice(tmp_path: Path) -> None:
    assignment = Assignment(Job("trial-0000", tracking_samples.trial_spec(), record().data), "trial", 0)
    one, two = tracking_samples.EPOCHS[:2]
    job = assignment.job
    events = [
        EpochDone(job, one),
        Lost(job, "its worker was killed"),
        EpochDone(job, one),
        EpochDone(job, two),
        Finished(job, TrialOutcome(TrialResult(status="complete"))),
    ]
    executor, tracker, callback, source = Mock(free=1), Mock(), Mock(), Mock()
    executor.events.side_effect = lambda timeout: [events.pop(0)]
    source.next.side_effect = [assignment, *[None] * 9]
    source.epoch.return_value = True
    study = StudyFolder(tmp_path / "digits")
    tracking = DeferredTracking(study=study, tracker=tracker, callback=callback)
    scheduler = Scheduler(study=study, executor=executor, registry=installed(), callback=callback, tracking=tracking)
    scheduler.run(source)
    assert executor.submit.call_count == 2
    assert [call.args[1] for call in source.epoch.call_args_list] == [one, two]
    assert [call.args[1] for call in tracker.log_epoch.call_args_list] == [one, two]
    assert source.ended.call_count == 1


def test_a_resume_with_other_plugins_does_not_tell_to_resume(tmp_path: Path) -> None:
    plan = make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn",), features=("mel",)))
    space = plan.space.as_json()
    older = record().model_copy(
        update={"space": {**space, "fixed": {k: v for k, v in space["fixed"].items() if k != "feature.mel.f_min"}}}
    )
    with pytest.raises(BenchError, match="bench run --resume"):
        check_same(older, plan, older.data)
    with pytest.raises(BenchError, match=r"f_min was absent.*install the versions") as failure:
        check_same(older, plan, older.data, resumed=True)
    assert "--resume" not in str(failure.value)


@pytest.mark.parametrize("loss", ["lost", "emptied", "an old copy"])
def test_a_database_that_lost_trials_is_told_of_them_again(tmp_path: Path, loss: str) -> None:
    """As a copy, a full disk or a sync program leaves it: the sampler knows all that the results folder knows."""
    study, asked = StudyFolder(tmp_path / "digits"), record(trials=20)
    plan = make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn",), features=("mel",)))
    database = SqliteDatabase(study.folder / DATABASE_FILE)
    notes: list[str] = []

    def take_up() -> SearchSource:
        return SearchSource(
            record=asked,
            space=plan.space,
            study=study,
            registry=installed(),
            optuna_study=open_optuna_study(database, asked, done=len(study.trials())),
            candidates=list(plan.candidates),
            note=notes.append,
        )

    def run(source: SearchSource, count: int) -> None:
        for _ in range(count):
            assignment = source.next()
            assert assignment is not None
            result = TrialResult(
                status="complete" if assignment.number % 3 else "pruned",
                epochs=tracking_samples.EPOCHS,
                validation=tracking_samples.score(tracking_samples.predictions(assignment.number % 5)),
            )
            ended = RunRecord(
                study="digits",
                kind="trial",
                number=assignment.number,
                origin=assignment.origin,
                started="2026-01-02T03:04:05+00:00",
                finished="2026-01-02T03:05:05+00:00",
                spec=assignment.job.spec,
                result=result,
            )
            study.save(ended, TrialOutcome(result))
            source.ended(assignment, ended)

    source = take_up()
    run(source, 3)
    merge_wal(database.path)
    old = database.path.read_bytes()
    run(source, 3)
    before = {t.user_attrs["number"]: t for t in source._optuna.get_trials() if t.state.is_finished()}
    with database.locked("digits"):
        pass
    assert not database.path.with_name("optuna.db-wal").exists()
    match loss:
        case "lost":
            database.path.unlink()
        case "emptied":
            database.path.write_bytes(b"")
        case _:
            database.path.write_bytes(old)
    again = take_up()
    lacking = 3 if loss == "an old copy" else 6
    assert notes == [
        f"{database.path} lacked {lacking} of 6 trials, which the results folder has: the sampler is told of them again"
    ]
    after = {t.user_attrs["number"]: t for t in again._optuna.get_trials() if t.state.is_finished()}
    assert after.keys() == before.keys() == set(range(6))
    for number, trial in after.items():
        known = before[number]
        assert (trial.state, trial.value, trial.params) == (known.state, known.value, known.params)
        assert trial.distributions == known.distributions
        if number >= 6 - lacking:
            assert set(trial.intermediate_values) == {epoch.number for epoch in tracking_samples.EPOCHS}
    run(again, 3)
    assert [run.number for run in study.trials()] == list(range(9))
    assert len({run.spec.configuration() for run in study.trials()}) == 9, "nothing is proposed a second time"
    notes.clear()
    take_up()
    assert notes == []


def test_a_wal_that_is_damaged_is_seen_and_one_that_was_cut_short_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    wal = path.with_name("some.db-wal")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        for number in range(5):
            connection.execute("INSERT INTO t VALUES (?)", (str(number) * 3000,))
            connection.commit()
        whole = wal.read_bytes()
        assert not wal_is_damaged(path)
        for cut in (0, 20, 32, len(whole) // 2, len(whole) - 1):
            wal.write_bytes(whole[:cut])
            assert not wal_is_damaged(path)
        for place in (0, 20, 100, len(whole) // 2, len(whole) - 5):
            wal.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert wal_is_damaged(path), place
        wal.write_bytes(whole)
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("DELETE FROM t WHERE x LIKE '1%'")
        connection.commit()
        assert wal.stat().st_size == len(whole) and not wal_is_damaged(path), "what is left of an earlier round"
    assert not wal_is_damaged(path)

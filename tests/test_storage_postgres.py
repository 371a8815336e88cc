"""Studies in a real PostgreSQL server: shared by name, locked, waited for while it is away, and never a password kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
import tracking_samples
from optuna.trial import TrialState
from postgres_server import PASSWORD, PostgresServer, postgres_server
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bench.errors import BenchError
from bench.locks import study_locked
from bench.options import RunOptions
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder, free_name
from bench.results.study_records import RunRecord, StudyRecord
from bench.search import study_storage as databases
from bench.search.assignment import Assignment
from bench.search.optuna_study import open_optuna_study
from bench.search.plan import make_plan
from bench.search.search_source import SearchSource
from bench.search.study_storage import DATABASE_FILE, PostgresDatabase, SqliteDatabase, database_at
from bench.trial import TrialOutcome, TrialResult

needs_server = pytest.mark.postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def server(cluster: PostgresServer) -> PostgresServer:
    """Running, and with a database `studies` of this test alone."""
    cluster.stop("fast")  # which ends the sessions of the test before
    cluster.start()
    cluster.execute("DROP DATABASE IF EXISTS studies")
    cluster.execute("CREATE DATABASE studies")
    return cluster


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "digits")


def record(**changes: Any) -> StudyRecord:
    return tracking_samples.study_record().model_copy(update={"options": RunOptions(trials=4), **changes})


def at(server: PostgresServer) -> PostgresDatabase:
    return PostgresDatabase(server.url("studies", password=True))


def source(study: StudyFolder, database: PostgresDatabase, note: Callable[[str], None] = print) -> SearchSource:
    """The study taken up from where its folder and the database stand."""
    plan = make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn", "crnn"), features=("mel",)))
    return SearchSource(
        record=record(),
        space=plan.space,
        study=study,
        registry=installed(),
        optuna_study=open_optuna_study(database, record(), done=len(study.trials())),
        candidates=list(plan.candidates),
        database=database,
        note=note,
    )


def keep(study: StudyFolder, assignment: Assignment) -> RunRecord:
    """The run as if it had been trained, in the results folder."""
    predictions = tracking_samples.predictions(assignment.number % 3)
    run = RunRecord(
        study=study.name,
        kind="trial",
        number=assignment.number,
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:05:05+00:00",
        spec=assignment.job.spec,
        result=TrialResult(status="complete", validation=tracking_samples.score(predictions)),
    )
    study.save(run, TrialOutcome(run.result, validation=predictions))
    return run


def told(database: PostgresDatabase) -> list[tuple[int | None, TrialState]]:
    """Number and state of every trial that Optuna has and that has ended or runs, in the order in which it was asked."""
    kept = optuna.load_study(study_name="digits", storage=database.storage()).get_trials(deepcopy=False)
    return [(trial.user_attrs.get("number"), trial.state) for trial in kept if trial.state is not TrialState.WAITING]


@needs_server
def test_a_server_that_crashes_while_a_study_runs_is_waited_for(server: PostgresServer, study: StudyFolder) -> None:
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        server.start()

    database = at(server)
    with database.locked("digits"):
        search = source(study, database, note)
        first = search.next()
        assert first is not None
        server.stop()
        assert search.epoch(first, tracking_samples.epoch(1, 0.5))
        server.stop()
        second = search.next()
        assert second is not None and second.job.spec != first.job.spec
        server.stop()
        search.ended(first, keep(study, first))
        search.ended(second, keep(study, second))
        assert len(notes) == 3 and all("is away: waiting" in note and PASSWORD not in note for note in notes)
        assert held(server), "the lock is taken again"
        numbers = [assignment.number for assignment in iter(search.next, None)]
    assert [first.number, second.number, *numbers] == [0, 1, 2, 3]
    ended = [entry for entry in told(database) if entry[1] is TrialState.COMPLETE]
    assert ended == [(0, TrialState.COMPLETE), (1, TrialState.COMPLETE)]


def held(server: PostgresServer) -> list[Any]:
    return list(
        server.execute("SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                       "WHERE locktype = 'advisory' AND granted AND datname = 'studies'")
    )  # fmt: skip


@needs_server
def test_a_server_that_was_gone_between_two_calls_gives_the_lock_back(
    server: PostgresServer, study: StudyFolder
) -> None:
    database = at(server)
    with database.locked("digits"):
        search = source(study, database)
        server.stop()
        server.start()
        assert not held(server)
        search.next()
        assert held(server)
    assert not held(server)


@needs_server
def test_a_server_that_stays_away_stops_the_study_and_loses_nothing(
    server: PostgresServer, study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "AWAY_SECONDS", 1.0)
    search = source(study, at(server))
    assignment = search.next()
    assert assignment is not None
    run = keep(study, assignment)
    server.stop()
    with pytest.raises(BenchError, match=r"has been away for 1 s .*start it, then resume") as raised:
        search.ended(assignment, run)
    assert "\n" not in str(raised.value) and PASSWORD not in str(raised.value)
    server.start()
    again = source(study, at(server))
    assert again.counted == 1
    assert told(at(server)) == [(0, TrialState.COMPLETE)]
    assert [assignment.number for assignment in iter(again.next, None)] == [1, 2, 3]


@needs_server
def test_what_the_server_refuses_is_not_waited_for(server: PostgresServer, study: StudyFolder) -> None:
    notes: list[str] = []
    search = source(study, at(server), notes.append)
    server.execute("DROP TABLE trials CASCADE", "studies")
    with pytest.raises(BenchError, match=r'relation "trials" does not exist.*mend that, then resume') as raised:
        search.next()
    assert "\n" not in str(raised.value) and not notes


@needs_server
def test_a_server_that_ends_in_the_middle_of_a_transaction_is_waited_for(server: PostgresServer) -> None:
    notes: list[str] = []
    database = at(server)
    storage = database.storage()

    def ask() -> str:
        with storage.scoped_session() as session:
            if not notes:
                session_number = session.execute(text("SELECT pg_backend_pid()")).scalar()
                server.execute(f"SELECT pg_terminate_backend({session_number}, 5000)")
                with suppress(OperationalError):  # as Optuna does, which then tries again
                    session.execute(text("SELECT 1"))
            return str(session.execute(text("SELECT 'answered'")).scalar())

    assert database.call(ask, notes.append) == "answered"
    assert len(notes) == 1


@needs_server
def test_a_second_head_on_a_study_is_refused_with_the_first(server: PostgresServer) -> None:
    with at(server).locked("digits"):
        with pytest.raises(BenchError) as raised, at(server).locked("digits"):
            pass
        said = str(raised.value)
        assert f"'digits' is being run by process {os.getpid()} on {os.uname().nodename[:17]} since 20" in said
        assert "bench ui" in said and "takes over" in said and "\n" not in said
        with at(server).locked("others"):
            pass
    with at(server).locked("digits"):
        pass


@needs_server
def test_a_head_whose_study_another_took_over_stops(server: PostgresServer, study: StudyFolder) -> None:
    database = at(server)
    with database.locked("digits"):
        search = source(study, database)
        for (session,) in server.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"):
            server.execute(f"SELECT pg_terminate_backend({session}, 5000)")
        with at(server).locked("digits"), pytest.raises(BenchError, match="is being run by process"):
            search.next()


def test_a_folder_names_its_holder_in_the_same_words(study: StudyFolder) -> None:
    with study_locked(study.folder), pytest.raises(BenchError) as raised, study_locked(study.folder):
        pass
    assert f"is being run by process {os.getpid()} on {os.uname().nodename[:17]} since 20" in str(raised.value)


@needs_server
def test_names_are_shared_by_all_who_use_the_server(server: PostgresServer, tmp_path: Path) -> None:
    open_optuna_study(at(server), record(name="fsdd-1"))
    with pytest.raises(BenchError, match=r"has another study 'fsdd-1', begun at 20.*--study") as raised:
        open_optuna_study(at(server), record(name="fsdd-1", created="2027-01-01T00:00:00+00:00"))
    assert PASSWORD not in str(raised.value)
    assert at(server).names() == ["fsdd-1"]
    assert free_name(tmp_path, "fsdd", taken=at(server).names()) == "fsdd-2"
    with pytest.raises(BenchError, match=r"'begun' has begun, and .* does not have it"):
        open_optuna_study(at(server), record(name="begun"), done=1)
    assert at(server).names() == ["fsdd-1"], "a refused one is not made"


@needs_server
def test_a_password_that_is_missing_or_wrong_is_said_with_how_to_give_it(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    without = server.url("studies")
    wrong = without.replace("ann@", "ann:batterystaple@")
    for url in (without, wrong):
        with pytest.raises(BenchError, match=r"set PGPASSWORD, put it into ~/\.pgpass, or give --storage") as raised:
            PostgresDatabase(url).names()
        assert "\n" not in str(raised.value) and "batterystaple" not in str(raised.value)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert PostgresDatabase(without).names() == []
    monkeypatch.delenv("PGPASSWORD")
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"127.0.0.1:{server.port}:studies:ann:{PASSWORD}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    assert PostgresDatabase(without).names() == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://ann:s3c%40ret@db:5433/studies", "postgresql://ann@db:5433/studies"),
        ("postgresql://ann@db/studies?password=s3cret&sslmode=require", "postgresql://ann@db/studies?sslmode=require"),
        ("postgresql+psycopg://db/studies", "postgresql://db/studies"),
        ("postgres://ann@db/studies", "postgresql://ann@db/studies"),
    ],
)
def test_an_address_is_kept_without_its_password(given: str, kept: str) -> None:
    database = database_at(Path("nowhere"), given)
    assert database.address == database.shown == kept


@pytest.mark.parametrize(
    "given", ["mysql://ann:s3cret@db/studies", "postgresql://ann:s3cret@db", "sqlite:///studies.db", "no address"]
)
def test_an_address_of_another_kind_is_refused(given: str) -> None:
    with pytest.raises(BenchError, match="postgresql://USER@HOST/DATABASE") as raised:
        database_at(Path("nowhere"), given)
    assert "s3cret" not in str(raised.value) and "\n" not in str(raised.value)


def test_a_study_without_a_server_is_a_file_whose_readers_do_not_wait(study: StudyFolder) -> None:
    database = database_at(study.folder, None)
    assert isinstance(database, SqliteDatabase) and database.address is None
    open_optuna_study(database, record())
    with closing(sqlite3.connect(study.folder / DATABASE_FILE)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

"""Optuna's side of a study: where it is kept, what proposes, what prunes."""

from __future__ import annotations

import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import optuna
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import BenchError
from bench.files import cannot_write
from bench.results.records import StudyRecord

DATABASE = "optuna.db"
"""Of a study, in its folder."""
STARTUP_TRIALS = 10
"""Trials before the sampler models anything and the pruner compares anything."""


def open_optuna_study(path: Path, record: StudyRecord) -> optuna.Study:
    """The Optuna study kept at `path`, made if it is not there. Raises BenchError where it cannot be written."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        url = URL.create("sqlite", database=str(path)).render_as_string()
        storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
        study = optuna.create_study(
            storage=storage, study_name=record.name, direction="maximize", load_if_exists=True, pruner=_pruner(record)
        )
        asked = len(study.get_trials(deepcopy=False))
    except OSError as error:
        raise cannot_write(path, error) from error
    except Exception as error:  # sqlite3, SQLAlchemy and Optuna each raise their own
        raise BenchError(
            f"{path} cannot be used as a study ({_first_line(error)}): move it away or restore it"
        ) from error
    # A resumed sampler must not propose again what it proposed at the start.
    seed = np.random.SeedSequence([record.seed, asked]).generate_state(1)[0]
    study.sampler = optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, n_startup_trials=STARTUP_TRIALS, seed=int(seed)
    )
    return study


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns a failure of the database at `path`, while a study runs, into one BenchError."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        reason = _first_line(error.__cause__ or error)  # Optuna wraps what SQLAlchemy says
        raise BenchError(
            f"{path} does not take what it is told ({reason}): check free space and permissions, then resume; "
            f"runs that finished are safe beside it"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _pruner(record: StudyRecord) -> optuna.pruners.BasePruner:
    """The pruner of the request, behind patience: a curve that still rises is left to rise."""
    match record.request.pruner:
        case "median":
            inner: optuna.pruners.BasePruner = optuna.pruners.MedianPruner(
                n_startup_trials=STARTUP_TRIALS, n_warmup_steps=2
            )
        case "halving":
            inner = optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
        case "none":
            return optuna.pruners.NopPruner()
    return optuna.pruners.PatientPruner(inner, patience=1)

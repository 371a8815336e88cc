"""Optuna's side of a study: what proposes, what prunes, and whose it is. It is stored by `bench.search.study_storage`."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import optuna

from bench.errors import BenchError
from bench.results.study_records import StudyRecord
from bench.search.study_storage import Database

CREATED = "bench.created"
"""Attribute of an Optuna study that holds when the study was created, which tells it from others of the same name."""
STARTUP_TRIALS = 10
"""Number of trials before the sampler models anything and the pruner compares anything."""


def open_optuna_study(database: Database, record: StudyRecord, *, done: int = 0) -> optuna.Study:
    """The Optuna study of this record, made if it is not there. `done` is the number of trials that the study has already.

    Raises BenchError if the database cannot be used, has another study of this name, or lacks one that has begun.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    with database.opening():
        storage = database.storage()
        if database.shared and done and record.name not in optuna.get_all_study_names(storage):
            raise BenchError(
                f"study {record.name!r} has begun, and {database.shown} does not have it: give the --storage that it was "
                "begun with, or restore it there"
            )
        study = optuna.create_study(
            storage=storage, study_name=record.name, direction="maximize", load_if_exists=True, pruner=_pruner(record)
        )
        asked = max(done, len(study.get_trials(deepcopy=False)))  # Optuna may have lost some.
        if database.shared:
            _check_ours(study, record, database, fresh=not asked)
    # A resumed sampler must not propose again what it proposed at the start.
    seed = np.random.SeedSequence([record.options.seed, asked]).generate_state(1)[0]
    study.sampler = optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, n_startup_trials=STARTUP_TRIALS, seed=int(seed)
    )
    return study


def _check_ours(study: optuna.Study, record: StudyRecord, database: Database, *, fresh: bool) -> None:
    """Raises BenchError if this study is somebody else's of the same name. A `fresh` one has been used by nobody yet."""
    created = study.user_attrs.get(CREATED)
    if created is None and fresh:
        study.set_user_attr(CREATED, record.created)
    elif created != record.created:
        when = "" if created is None else f", begun at {created}"
        raise BenchError(
            f"{database.shown} has another study {record.name!r}{when}: choose another name with --study, or go on with "
            "that one where its results folder is"
        )


def _pruner(record: StudyRecord) -> optuna.pruners.BasePruner:
    """The pruner of the request, behind patience: a curve that still rises is left to rise."""
    match record.options.pruner:
        case "median":
            inner: optuna.pruners.BasePruner = optuna.pruners.MedianPruner(
                n_startup_trials=STARTUP_TRIALS, n_warmup_steps=2
            )
        case "halving":
            inner = optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
        case "none":
            return optuna.pruners.NopPruner()
    return optuna.pruners.PatientPruner(inner, patience=1)

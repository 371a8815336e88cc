"""Defines the versioned records that the results folder stores."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.data.prepared import PreparedData
from bench.evaluation.metrics import Objective
from bench.names import FileName
from bench.options import RunOptions
from bench.plugins import PluginConfig
from bench.plugins.annotations import Scalar
from bench.trial import TrialResult, TrialSpec

SCHEMA_VERSION: Final = 3
"""Version of all records here. Any other version is refused, since its fields may mean something else."""

RunKind = Literal["trial", "final", "reproduction"]


class StudyRecord(BaseModel):
    """A study as it was requested and resolved, written before its first trial.

    A study never changes its record, except for the options that a resume may override.
    """

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[3] = SCHEMA_VERSION
    name: FileName
    command: str
    """Command line that started the study, with `bench` first."""
    created: str
    """Start of the study in UTC, ISO 8601."""
    dataset: PluginConfig
    data: PreparedData
    options: RunOptions = RunOptions()
    """Options as requested, with the names of the features and models that fit; a resume uses the same."""
    objective: Objective
    space: dict[str, dict[str, Any]]
    """Search space that maps parameter names to their ranges or fixed values, as JSON. Equal spaces compare equal."""
    enqueued: tuple[str, ...] = ()
    """Configurations that are tried first: names of recipes, and `defaults of MODEL`."""
    versions: dict[str, str]
    """Versions of what its numbers depend on. One that changed meanwhile, as it was allowed to, has both: `2.11.0, then
    2.14.1`."""
    location: str = ""
    """Absolute path of the folder or file that a data set such as `folder:recordings` was given; empty for others. It is
    used by resumes and never published."""

    @property
    def trials(self) -> int:
        """Number of trials of all its searches: one, or one for every outer fold if it is nested."""
        return self.options.trials * (len(self.data.folds) if self.options.nested else 1)


class ReproductionRecord(BaseModel):
    """A recipe or leaderboard row that was run again, with its published figures; stored as `reproduction.json`."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[3] = SCHEMA_VERSION
    name: FileName
    """Name of the recipe, or id of the leaderboard's row."""
    title: str
    recipe: bool
    """Whether this is a recipe; otherwise it is a row of a leaderboard."""
    command: str
    """Command line that started the reproduction, with `bench` first."""
    dataset: PluginConfig
    data: PreparedData
    published: tuple[dict[str, float], ...]
    """Published figures by name (see `Recipe.published`), one mapping per seed."""
    changed: dict[str, tuple[Scalar, Scalar]] = {}
    """Settings that differ from the publication, by name: the published value and the one used here."""
    differences: tuple[str, ...] = ()
    """Other differences from the publication, one line each."""


class RunRecord(BaseModel):
    """One trial, final or reproduction with its specification and result; stored as `run.json` in its folder."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[3] = SCHEMA_VERSION
    study: FileName
    kind: RunKind
    number: int
    """Number of the trial from 0, or of the final from 1.

    A final's number is its configuration's rank by validation; a finalist that a resume adds gets the next free number.
    """
    repeat: int = 0
    """Index of the seed of a final or reproduction, from 0."""
    origin: str = ""
    """Source of the proposal: a recipe's name, `defaults of MODEL`, or `sampler`."""
    started: str
    finished: str
    spec: TrialSpec
    result: TrialResult

    @property
    def name(self) -> str:
        """Name of the run within its study, see `run_name`."""
        return run_name(self.kind, self.number, self.repeat, self.spec.fold)


FINAL = re.compile(r"final-(?P<number>\d+)(-fold-.+)?-seed-(?P<repeat>\d+)", re.ASCII)
"""The names that `run_name` gives to finals."""


def run_name(kind: RunKind, number: int, repeat: int, fold: str) -> str:
    """Returns the name of a run within its study: `trial-0007` or `final-1-seed-0`; with several outer folds
    `trial-fold-theo-0007` or `final-1-fold-theo-seed-0`."""
    # A fold may have any name that a speaker has; a folder may not.
    plain = re.sub(r"[^\w.-]+", "-", fold)
    of_fold = f"-fold-{plain}" if fold else ""
    if kind == "trial":
        return f"trial{of_fold}-{number:04d}"
    return f"{kind}-{number}{of_fold}-seed-{repeat}"

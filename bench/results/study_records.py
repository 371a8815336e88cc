"""What the results folder holds, as versioned records."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.data.prepared import PreparedData
from bench.evaluation.metrics import Objective
from bench.options import RunOptions
from bench.plugins import PluginConfig
from bench.plugins.annotations import Scalar
from bench.trial import TrialResult, TrialSpec

SCHEMA_VERSION: Final = 2
"""Of all records here. A newer one is refused, since it can say what this version would leave out."""

Kind = Literal["trial", "final", "reproduction"]


class StudyRecord(BaseModel):
    """A study as it was asked for and resolved. Written before its first trial; the same study never changes it,
    but for those of its options that a resume can change."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[2] = SCHEMA_VERSION
    name: str
    command: str
    """The command line that started it, with `bench` first."""
    created: str
    """UTC, ISO 8601."""
    dataset: PluginConfig
    data: PreparedData
    options: RunOptions = RunOptions()
    """As asked for, with the names of the features and models that fit: a resume goes on with them."""
    objective: Objective
    space: dict[str, Any]
    """Search space: parameter name to its range or pinned value, as JSON. Two equal spaces are the same space."""
    enqueued: tuple[str, ...] = ()
    """What is tried first: recipe names and `defaults of MODEL`."""
    versions: dict[str, str]


class ReproductionRecord(BaseModel):
    """What was run again, and what was published of it. Stands in `reproduction.json` of its folder."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[2] = SCHEMA_VERSION
    name: str
    """A recipe's name, or the id of a leaderboard's row."""
    title: str
    recipe: bool
    """Whether it is a recipe; a row of a leaderboard otherwise."""
    command: str
    """The command line, with `bench` first."""
    dataset: PluginConfig
    data: PreparedData
    published: tuple[dict[str, float], ...]
    """Figures by name, see Recipe.published; one mapping a seed."""
    changed: dict[str, tuple[Scalar, Scalar]] = {}
    """Settings that were not left as published, by name: the published value, and the one here."""
    differences: tuple[str, ...] = ()
    """What else differs here from what was published with, in lines."""


class RunRecord(BaseModel):
    """One trial or final: where it belongs, what was asked, what came out. Stands in `run.json` of its folder."""

    model_config = ConfigDict(frozen=True)
    schema_version: Literal[2] = SCHEMA_VERSION
    study: str
    kind: Kind
    number: int
    """Of a trial: from 0. Of a final: from 1, its configuration's rank by validation, or the next number that was free
    where it came to the finals after a resume."""
    repeat: int = 0
    """Of a final: which of its seeds, from 0."""
    origin: str = ""
    """What proposed it: a recipe's name, `defaults of MODEL`, or `sampler`."""
    started: str
    finished: str
    spec: TrialSpec
    result: TrialResult

    @property
    def name(self) -> str:
        """The run's name below its study: `trial-0007`, `final-1-seed-0`."""
        if self.kind == "trial":
            return f"trial-{self.number:04d}"
        return f"{self.kind}-{self.number}-seed-{self.repeat}"

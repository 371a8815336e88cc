"""What a published leaderboard holds, as versioned records: every figure of its page, and every specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from bench.errors import BenchError, did_you_mean
from bench.evaluation.metrics import Objective, Scores
from bench.evaluation.uncertainty import Interval
from bench.plugins import PluginConfig, Split, TrainingSettings
from bench.reporting.numbers import Spread
from bench.trial import Hardware, Status, TrialSpec

if TYPE_CHECKING:
    import pandas as pd

LEADERBOARD_SCHEMA_VERSION: Literal[1] = 1


class PublishedRecord(BaseModel):
    """A record of the published page; unknown fields of a newer version are an error, not dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedRun(PublishedRecord):
    """One final of a row: what was run with one seed, and what was measured."""

    run: str
    """`STUDY/final-1-seed-0`."""
    finished: str
    spec: TrialSpec
    validation: Scores
    """Computed from the stored predictions, as is `test`."""
    test: Scores
    best_epoch: int | None
    train_seconds: float
    latency_ms: float | None
    peak_memory_mb: float | None
    hardware: Hardware | None


class Row(PublishedRecord):
    """One finalist configuration with all its seeds."""

    rank: int
    id: str
    """The first digits of `TrialSpec.configuration()`."""
    origin: str
    """What proposed it: a recipe's name, `defaults of MODEL`, or `sampler`."""
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    parameters: int | None
    runs: tuple[SeedRun, ...]
    validation: dict[Objective, Spread]
    test: dict[Objective, Spread]
    macro_f1: Spread
    """Of the test split."""
    test_interval: Interval
    """Of the mean test accuracy over seeds."""
    train_seconds: Spread
    not_complete: dict[Status, int] = {}
    """Its finals that ended otherwise, which are in none of the figures."""

    def summary(self) -> dict[str, Any]:
        """The row as one row of a table, see `Leaderboard.to_dataframe`."""
        scores = {f"validation_{metric}": spread.mean for metric, spread in self.validation.items()}
        scores |= {f"test_{metric}": spread.mean for metric, spread in self.test.items()}
        return {
            "rank": self.rank,
            "model": self.model.name,
            "feature": self.feature.name,
            "row": self.id,
            "origin": self.origin,
            "parameters": self.parameters,
            "seeds": len(self.runs),
            **scores,
            "test_macro_f1": self.macro_f1.mean,
            "test_accuracy_deviation": self.test["accuracy"].deviation,
            "test_accuracy_low": self.test_interval.low,
            "test_accuracy_high": self.test_interval.high,
            "train_seconds": self.train_seconds.mean,
        }


class Reason(PublishedRecord):
    """Trials that ended alike."""

    status: Status
    reason: str
    trials: int


class Reference(PublishedRecord):
    """A recipe that the study tried: what was published of it, and what this study measured."""

    recipe: str
    published: dict[str, float]
    source: str
    validation: Scores | None
    """Of its trial here; None where that did not complete."""


class StudySummary(PublishedRecord):
    """One study of the protocol: how its finalists were found."""

    name: str
    created: str
    command: str
    trials: int
    """Asked for."""
    finalists: int
    final_seeds: int
    seed: int
    epochs: tuple[int, ...]
    """Numbers of epochs that its trials asked for."""
    space: dict[str, dict[str, Any]]
    """Parameters `searched`, with their ranges, and `fixed`, with their values."""
    enqueued: tuple[str, ...]
    statuses: dict[Status, int]
    """Of its finished trials."""
    reasons: tuple[Reason, ...]
    """Of the trials that are not complete, the most frequent first."""
    finals: dict[Status, int]
    references: tuple[Reference, ...]
    versions: dict[str, str]
    hardware: tuple[Hardware, ...]
    """All that its runs ran on."""

    @property
    def finished(self) -> int:
        """Trials that count towards those asked for."""
        return sum(number for status, number in self.statuses.items() if status != "lost")


class Protocol(PublishedRecord):
    """What the rows of one table have in common."""

    dataset: PluginConfig
    revision: str
    objective: Objective
    labels: tuple[str, ...]
    seconds: float
    supports: dict[Split, tuple[int, ...]]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    studies: tuple[StudySummary, ...]


class Leaderboard(PublishedRecord):
    """A published page, and everything needed to run one of its rows again."""

    schema_version: Literal[1] = LEADERBOARD_SCHEMA_VERSION
    dataset: str
    """As on the command line: `fsdd`, `folder:PATH`."""
    updated: str
    """When the last of its runs finished, UTC."""
    protocols: tuple[Protocol, ...]
    """Those with rows first, and among them the newest first."""

    def to_dataframe(self) -> pd.DataFrame:
        """Makes a table of the rows of all protocols.

        Returns:
            One row a configuration, with the columns `protocol` (from 1), `rank`, `model`, `feature`, `row` (its id),
            `origin`, `parameters` (of the network), `seeds`, the mean over seeds of every score (`validation_accuracy`,
            `test_accuracy`, ...), `test_accuracy_deviation`, `test_accuracy_low` and `test_accuracy_high` (of the
            interval), and `train_seconds`.
        """
        import pandas as pd

        rows = [
            {"protocol": number, **row.summary()}
            for number, protocol in enumerate(self.protocols, start=1)
            for row in protocol.rows
        ]
        return pd.DataFrame(rows)

    def rows(self) -> list[Row]:
        """The rows of all protocols."""
        return [row for protocol in self.protocols for row in protocol.rows]

    def row(self, row_id: str) -> Row:
        """A row by its id. Raises BenchError with the nearest ids where there is none."""
        for row in self.rows():
            if row.id == row_id:
                return row
        ids = [row.id for row in self.rows()]
        raise BenchError(f"no row {row_id!r} on the leaderboard of {self.dataset}: {did_you_mean(row_id, ids)}")

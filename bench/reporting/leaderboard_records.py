"""Defines the versioned records of a published leaderboard: every figure of its page and every specification."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError, did_you_mean
from bench.evaluation.error_analysis import ErrorAnalysis
from bench.evaluation.interval import Interval
from bench.evaluation.metrics import Objective, Scores
from bench.names import FileName, RunReference
from bench.plugins import PluginConfig, Split, TrainingSettings
from bench.reporting.numbers import Spread
from bench.trial import Hardware, MachineLoad, Status, TrialSpec

if TYPE_CHECKING:
    import pandas as pd

LEADERBOARD_SCHEMA_VERSION: Literal[2] = 2


NESTED = "nested search"
"""Origin of a row whose outer folds have each a configuration of its own."""


class PublishedRecord(BaseModel):
    """A record of a published page. Unknown fields of a newer version are an error rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedRun(PublishedRecord):
    """One final of a row: the specification with one seed, and the measured scores."""

    run: RunReference
    """`STUDY/final-1-seed-0`."""
    finished: str
    spec: TrialSpec
    validation: Scores
    """Scores computed from the stored predictions, like those of `test`."""
    test: Scores
    best_epoch: int | None
    train_seconds: float
    load: MachineLoad | None = None
    """Load of the machine while its times were measured."""
    latency_ms: float | None
    peak_memory_mb: float | None
    hardware: Hardware | None


class FoldFigures(PublishedRecord):
    """What one outer fold of a row gave, over its seeds."""

    name: str
    chosen: str
    """Model and feature, and the first digits of the configuration: `tc-resnet on mel, 0a89f3ae`."""
    clips: int
    """Number of its test clips."""
    validation: dict[str, Spread]
    test: dict[str, Spread]


class Row(PublishedRecord):
    """One finalist configuration with all its seeds, and all its outer folds.

    With several folds, a seed's figure is the mean over folds. A row of a nested search has the configurations that were
    chosen in its folds, each tested in its own: `feature`, `model` and `training` are those of the first.
    """

    rank: int
    """By validation."""
    ties: tuple[int, int] | None = None
    """Best and worst rank by test: rows that differ from it by more than chance are above or below. None if not known."""
    id: FileName
    """The first digits of `TrialSpec.configuration()`."""
    origin: str
    """Source of the proposal: a recipe's name, `defaults of MODEL`, or `sampler`."""
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    parameters: int | None
    runs: tuple[SeedRun, ...]
    search: float | None = None
    """The score by which the search chose the configuration: the best on validation of its trials (after a nested search the
    mean over folds); None if unknown."""
    validation: dict[str, Spread]
    """Every score on the validation split by the names of `bench.evaluation.metrics.METRICS`, over seeds."""
    test: dict[str, Spread]
    test_interval: Interval | None
    """Interval of the mean over seeds of the score that ranks, on the test split; None if groups or clips are too few."""
    no_interval: str | None = None
    """Why there is no interval."""
    errors: ErrorAnalysis | None = None
    """Where its networks fail on the test split; None on pages of versions that did not say."""
    robustness: dict[str, Spread] = {}
    """The score that ranks under the conditions of `bench.trial.conditions`, on the test split, over seeds; empty if the
    finals were not tested so."""
    train_seconds: Spread
    folds: tuple[FoldFigures, ...] = ()
    """Figures of every outer fold, if there are several."""
    without_twins: dict[Objective, Spread] | None = Field(None, exclude_if=lambda scores: scores is None)
    """As `test`, over the test clips without a twin in training or validation; None if a fold has no such clips, or no twins
    were found."""
    not_complete: dict[Status, int] = {}
    """Number of its finals that are not complete, by status; no figure includes them."""
    pretrained_on: str = Field("", exclude_if=lambda data: not data)
    """What the weights of its feature were trained on, if it has any."""
    changed: tuple[str, ...] = ()
    """Plugins, as `model my-net`, whose code had changed between the measurement and the writing of the page."""

    @property
    def metric(self) -> Objective:
        """The score that ranks the row."""
        return self.runs[0].spec.objective

    @property
    def measured_under_load(self) -> bool:
        """Whether the machine had more to do than it has cores while any of the row's times was measured."""
        return any(run.load is not None and run.load.heavy for run in self.runs)

    def summary(self) -> dict[str, Any]:
        """The row as one row of a table, see `Leaderboard.to_dataframe`."""
        interval = self.test_interval
        scores = {f"validation_{metric}": spread.mean for metric, spread in self.validation.items()}
        scores |= {f"test_{metric}": spread.mean for metric, spread in self.test.items()}
        return {
            "rank": self.rank,
            "model": self.model.name,
            "feature": self.feature.name,
            "row": self.id,
            "origin": self.origin,
            "parameters": self.parameters,
            "seeds": self.test[self.metric].n,
            "search": self.search,
            **scores,
            **{f"test_{name}": spread.mean for name, spread in self.robustness.items()},
            "ranked_by": self.metric,
            "test_deviation": self.test[self.metric].deviation,
            "test_low": math.nan if interval is None else interval.low,
            "test_high": math.nan if interval is None else interval.high,
            "train_seconds": self.train_seconds.mean,
        }


class Reason(PublishedRecord):
    """Number of trials that ended with the same status and reason."""

    status: Status
    reason: str
    trials: int


class Reference(PublishedRecord):
    """A recipe that the study tried, with its published figures and the measured scores."""

    recipe: str
    published: dict[str, float]
    source: str
    validation: Scores | None
    """Scores of the recipe's trial; None if it did not complete."""


class Improvement(PublishedRecord):
    """A trial of a search whose validation score was better than all before it."""

    trials: int
    """Number of trials that had ended, itself included."""
    hours: float
    """Hours in which trials had run, pauses between resumes left out."""
    score: float


class Optimism(PublishedRecord):
    """The best score of a search, and what its configuration came to when it was trained again with other seeds.

    All of the outer folds that the search knew: one, or after a nested search the mean over all.
    """

    folds: tuple[str, ...] = ("",)
    """Names of these folds."""
    search: float
    """The best validation score of all trials, by the score that ranks."""
    validation: float
    """Its configuration's validation score, mean over the seeds of the finals."""
    test: float


class Looks(PublishedRecord):
    """How often a test split was used: each look makes the best of all test scores a little more a matter of luck."""

    runs: int
    """Number of networks that were tested, reproductions included."""
    configurations: int
    studies: int
    """Number of studies and reproductions that they are of."""
    at_least: bool = Field(False, exclude_if=lambda at_least: not at_least)
    """Whether there may have been more, in results folders that a page with rows of several knows nothing of."""


class StudySummary(PublishedRecord):
    """One study of the protocol and how it chose its finalists."""

    name: FileName
    created: str
    command: str
    trials: int
    """Requested number of trials."""
    finalists: int
    final_seeds: int
    seed: int
    epochs: tuple[int, ...]
    """Distinct numbers of epochs in the specifications of its trials."""
    space: dict[str, dict[str, Any]]
    """The `searched` parameters with their ranges and the `fixed` ones with their values."""
    enqueued: tuple[str, ...]
    statuses: dict[Status, int]
    """Number of its finished trials by status."""
    reasons: tuple[Reason, ...]
    """Reasons why trials are not complete, the most frequent first."""
    finals: dict[Status, int]
    references: tuple[Reference, ...]
    versions: dict[str, str]
    hardware: tuple[Hardware, ...]
    """Distinct hardware of its runs."""
    progress: tuple[Improvement, ...] = ()
    """The trials that were better than all before, in the order in which they ended."""
    hours: float = 0.0
    """Hours in which trials ran, as in `progress`."""
    optimism: Optimism | None = None
    """None if the configuration of the best trial has no complete final."""

    @property
    def finished(self) -> int:
        """Number of trials that count towards the requested number."""
        return sum(number for status, number in self.statuses.items() if status != "lost")


class Protocol(PublishedRecord):
    """The data, options and objective that the rows of one table share."""

    dataset: PluginConfig
    reference: str = Field("", exclude_if=lambda reference: not reference)
    """Name of a data set that is given the path of its files: `folder:recordings`, without the folders above; empty for
    others."""
    revision: str
    protocol: str = "official"
    """See `RunOptions.protocol`."""
    folds: tuple[str, ...] = ("",)
    """Names of the outer folds; one without a name if there is only one."""
    objective: Objective
    labels: tuple[str, ...]
    seconds: float
    supports: dict[Split, tuple[int, ...]]
    group_noun: str = "groups"
    """What the groups are, in the plural: speakers, recordings."""
    twins: dict[str, tuple[str, ...]] = Field({}, exclude_if=lambda twins: not twins)
    """Ids of the test clips that have a twin in training or validation, by outer fold; folds that have none are left out."""
    known_groups: bool = False
    """Whether groups of test clips have clips in training or validation, too."""
    notes: tuple[str, ...]
    test_looks: Looks | None = None
    """Looks at this test split in the whole results folder; None if unknown."""
    rows: tuple[Row, ...]
    studies: tuple[StudySummary, ...]


class PredictionsFile(PublishedRecord):
    """The file of per-clip predictions that lies beside a page."""

    file: FileName
    """Its name, in the folder of the page."""
    sha256: str
    """64 hex digits over its content."""


class Leaderboard(PublishedRecord):
    """A published page with everything that is needed to run one of its rows again."""

    schema_version: Literal[2] = LEADERBOARD_SCHEMA_VERSION
    dataset: str
    """Name of the data set as on the command line: `fsdd`, `folder:PATH`."""
    updated: str
    """Time in UTC at which the last of its runs finished."""
    source: str = ""
    """Path of the JSON as a reader types it in `bench reproduce SOURCE:ID`; empty before it is published."""
    predictions: PredictionsFile | None = None
    """What `bench verify` recomputes the page from; None before it is published."""
    protocols: tuple[Protocol, ...]
    """Protocols with rows come first, and among them the newest first."""

    def __repr__(self) -> str:
        protocols = f" of {len(self.protocols)} protocols" if len(self.protocols) > 1 else ""
        return f"<Leaderboard {self.dataset}: {len(self.rows())} rows{protocols}, to_dataframe() has them as a table>"

    def _repr_html_(self) -> str:
        return self.to_dataframe().to_html()

    def to_dataframe(self) -> pd.DataFrame:
        """Makes a table of the rows of all protocols.

        Returns:
            One row a configuration, with the columns `protocol` (from 1), `rank`, `model`, `feature`, `row` (its id),
            `origin`, `parameters` (of the network), `seeds`, `search` (the score that its trial had in
            the search), the mean over seeds of every score (`validation_accuracy`,
            `test_accuracy`, ...), `ranked_by` (the name of the score that ranks), of that score on the test split
            `test_deviation`, `test_low` and `test_high` (the ends of the interval; NaN if there is none), and
            `train_seconds`.
        """
        import pandas as pd

        rows = [
            {"protocol": number, **row.summary()}
            for number, protocol in enumerate(self.protocols, start=1)
            for row in protocol.rows
        ]
        return pd.DataFrame(rows)

    def rows(self) -> list[Row]:
        """Returns the rows of all protocols."""
        return [row for protocol in self.protocols for row in protocol.rows]

    def row(self, row_id: str) -> Row:
        """Returns a row by its id.

        Raises:
            BenchError: There is no such row; the message lists the closest ids.
        """
        for row in self.rows():
            if row.id == row_id:
                return row
        ids = [row.id for row in self.rows()]
        raise BenchError(f"no row {row_id!r} on the leaderboard of {self.dataset}: {did_you_mean(row_id, ids)}")

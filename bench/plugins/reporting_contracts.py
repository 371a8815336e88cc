"""The contracts of what is computed from a finished run: a Metric of its predictions, a ReportSection of its report."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from bench.plugins.contracts import Plugin, Split
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.training_settings import TrainingSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ClipPredictions(Protocol):
    """What a network gave for every clip of a split, next to what was right. Nothing of it may be changed."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names: column c of `probabilities` is of labels[c]."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of every clip, [clips]."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Speaker or recording of every clip, empty if unknown, [clips]."""

    @property
    def targets(self) -> NDArray[np.int64]:
        """True class of every clip, [clips]."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Probability of every class, [clips, classes], rows summing to 1."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of every clip, [clips]."""


class Metric(Plugin):
    """A score of a split, computed from its predictions: it stands in results, reports, leaderboards and MLflow.

    The first sentence of the class's docstring is what pages say of it. It never ranks: accuracy or balanced accuracy does.
    """

    better: ClassVar[Literal["higher", "lower"]] = "higher"
    """Which values are better."""
    unit: ClassVar[str] = "0 to 1"
    """Its range, or its unit."""

    @abstractmethod
    def compute(self, predictions: ClipPredictions) -> float | None:
        """Computes the metric.

        Args:
            predictions: One clip at least; classes may have none.

        Returns:
            A finite number; None if it is not defined for these clips.
        """


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended, as its report sees it.

    Attributes:
        study: Name of its study.
        run: Its own name: `final-1-seed-0`.
        split: The split that the report is of.
        predictions: Predictions of this split.
        scores: Every score of this split, by name.
        feature: Its feature with its options.
        model: Its model with its options.
        training: Its training settings.
        group_noun: What groups of clips are, in the plural: `speakers`.
    """

    study: str
    run: str
    split: Split
    predictions: ClipPredictions
    scores: Mapping[str, float]
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    group_noun: str


class ReportSection(Plugin):
    """A section of a run's report: Markdown below a heading, and a figure if there is one."""

    title: ClassVar[str]
    """Its heading."""

    @abstractmethod
    def markdown(self, run: FinishedRun) -> str:
        """Returns the section in Markdown, without its heading; empty for a report without it."""

    def figure(self, run: FinishedRun) -> bytes | None:
        """Returns a figure as PNG, which stands below the text; None for none."""
        return None

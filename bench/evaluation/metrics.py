"""Computes the scores of one split from its predictions.

Every metric is declared once, on its field of `Scores`: its readable name, whether higher is better, its unit and what it
is. Tables, MLflow and the API are made from that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.evaluation.predictions import Predictions
from bench.markdown import first_sentence
from bench.plugins import Metric
from bench.plugins.faults import fault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Objective = Literal["accuracy", "balanced_accuracy"]
"""A score that a study may maximise, and that then ranks its rows."""

CALIBRATION_BINS = 15
"""Number of bins of the confidence, as in Guo et al. (2017)."""
LEAST_PROBABILITY = 1e-12
"""Probability that the log loss takes a smaller one for, since it would be infinite at zero."""
SHARE = "0 to 1"
"""Range of most scores."""


@dataclass(frozen=True)
class MetricText:
    """What a reader has to know of a score to read it."""

    words: str
    """Its readable name within a sentence."""
    meaning: str
    """What it is, in a few words, with its source where there are several definitions."""
    better: Literal["higher", "lower"] = "higher"
    unit: str = SHARE

    @property
    def title(self) -> str:
        """Its readable name at the head of a column or a sentence."""
        return self.words[:1].upper() + self.words[1:]


class AddedScore(BaseModel):
    """A metric that a plugin adds, with what a reader has to know of it: pages stand alone, without the plugin."""

    model_config = ConfigDict(frozen=True)
    name: str
    """Its name among those of METRICS: `cohen_kappa`."""
    text: MetricText
    value: float | None
    """None if it is not defined for these clips, or could not be computed."""
    failure: str = Field("", exclude_if=lambda failure: not failure)
    """What the plugin raised, in one line; empty if nothing."""


class Scores(BaseModel):
    """Scores of one split. One that is not defined for its clips, or was not computed, is None.

    Means over classes are over those that have clips in the split; `absent` names the others.
    """

    model_config = ConfigDict(frozen=True)
    clips: int
    """Number of clips in the split."""
    absent: tuple[str, ...] = ()
    """Classes that have no clips in the split."""
    accuracy: Annotated[float, MetricText("accuracy", "share of the clips that are right")]
    balanced_accuracy: Annotated[
        float, MetricText("balanced accuracy", "mean recall of the classes, also called unweighted average recall")
    ]
    macro_f1: Annotated[float, MetricText("macro F1", "mean F1 score of the classes")]
    loss: Annotated[float, MetricText("log loss", "mean cross entropy", "lower", "nats")]
    brier: Annotated[
        float | None,
        MetricText(
            "Brier score", "squared error of the probabilities, summed over classes (Brier, 1950)", "lower", "0 to 2"
        ),
    ] = None
    calibration_error: Annotated[
        float | None,
        MetricText(
            "calibration error",
            f"expected calibration error of the highest probability in {CALIBRATION_BINS} bins (Guo et al., 2017)",
            "lower",
        ),
    ] = None
    roc_auc: Annotated[
        float | None, MetricText("ROC AUC", "area under the curve of each class against the rest, mean of the classes")
    ] = None
    top_3_accuracy: Annotated[
        float | None, MetricText("top-3 accuracy", "share of the clips whose class is among the 3 most probable")
    ] = None
    top_5_accuracy: Annotated[
        float | None, MetricText("top-5 accuracy", "share of the clips whose class is among the 5 most probable")
    ] = None

    added: tuple[AddedScore, ...] = Field((), exclude_if=lambda added: not added)
    """Metrics of plugins."""

    def figures(self) -> dict[str, float]:
        """The scores that there are, by the names of METRICS; those of plugins come last."""
        values = [(name, getattr(self, name)) for name in METRICS] + [(score.name, score.value) for score in self.added]
        return {name: value for name, value in values if value is not None}


METRICS: dict[str, MetricText] = {
    name: declared
    for name, field in Scores.model_fields.items()
    for declared in field.metadata
    if isinstance(declared, MetricText)
}
"""Every metric by its name in records, in the order of tables."""


def metric_title(name: str) -> str:
    """Returns a metric's readable name within a sentence: `balanced accuracy`, `macro F1`, `ROC AUC`."""
    return METRICS[name].words


def metric_texts(scores: Iterable[Scores]) -> dict[str, MetricText]:
    """What a reader has to know of every score, by name: METRICS, and what plugins have added to these."""
    return METRICS | {score.name: score.text for each in scores for score in each.added}


def score(predictions: Predictions, metrics: Iterable[type[Metric]] = ()) -> Scores:
    """Computes all scores of one split.

    Args:
        predictions: The predictions.
        metrics: Metrics of plugins, which are computed too.
    """
    targets, probabilities = predictions.targets, predictions.probabilities
    return basic_scores(predictions).model_copy(
        update={
            "brier": _brier(targets, probabilities),
            "calibration_error": _calibration_error(predictions),
            "roc_auc": _roc_auc(targets, probabilities),
            "top_3_accuracy": _top_accuracy(targets, probabilities, 3),
            "top_5_accuracy": _top_accuracy(targets, probabilities, 5),
            "added": tuple(_added(metric, predictions) for metric in metrics if added_name(metric) not in METRICS),
        }
    )


def basic_scores(predictions: Predictions) -> Scores:
    """Computes those scores alone that are needed after every epoch, and leaves the others out."""
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    targets, predicted, labels = predictions.targets, predictions.predicted, predictions.labels
    # In float64, whose last digit is that of every machine's sum.
    of_target = np.take_along_axis(predictions.probabilities.astype(np.float64), targets[:, None], axis=1)
    present = np.unique(targets)
    return Scores(
        clips=len(targets),
        absent=tuple(label for index, label in enumerate(labels) if index not in set(present.tolist())),
        accuracy=float(accuracy_score(targets, predicted)),
        # This is balanced_accuracy_score, but without a warning for every class that is predicted and has no clips.
        balanced_accuracy=float(recall_score(targets, predicted, labels=present, average="macro", zero_division=0.0)),
        macro_f1=float(f1_score(targets, predicted, labels=present, average="macro", zero_division=0.0)),
        loss=float(-np.log(np.clip(of_target, LEAST_PROBABILITY, None)).mean()),
    )


def added_name(metric: type[Metric]) -> str:
    """A plugin's metric among the names of METRICS: `cohen_kappa` for `cohen-kappa`."""
    return metric.name.replace("-", "_")


def _added(metric: type[Metric], predictions: Predictions) -> AddedScore:
    """The score of a plugin. Whatever it raises must not lose the others."""
    words = metric.name.replace("-", " ").replace("_", " ")
    text = MetricText(words, first_sentence(metric.__doc__ or ""), metric.better, metric.unit)
    failure, value = "", None
    try:
        computed = metric().compute(predictions)
        value = None if computed is None else float(computed)
    except Exception as error:
        failure = fault(error)
    if value is not None and not math.isfinite(value):
        value, failure = None, f"{metric.name} is {value}, no number"
    return AddedScore(name=added_name(metric), text=text, value=value, failure=failure)


def _brier(targets: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float:
    import numpy as np

    return float(np.square(probabilities - np.eye(probabilities.shape[1])[targets]).sum(axis=1).mean())


def _calibration_error(predictions: Predictions) -> float:
    """Mean distance between confidence and accuracy over the bins of the confidence, weighted by their clips."""
    import numpy as np

    confidence = predictions.probabilities.max(axis=1).astype(np.float64)
    surplus = confidence - (predictions.predicted == predictions.targets)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    return float(np.abs(np.bincount(bins, weights=surplus, minlength=CALIBRATION_BINS)).sum() / len(confidence))


def _roc_auc(targets: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float | None:
    """Mean over the classes that have clips; None if all clips are of one class, which has no rest."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    present = np.unique(targets)
    if len(present) < 2:
        return None
    return float(np.mean([roc_auc_score(targets == index, probabilities[:, index]) for index in present]))


def _top_accuracy(targets: NDArray[np.int64], probabilities: NDArray[np.float32], k: int) -> float | None:
    """None if there are not more than `k` classes, since all clips would be right."""
    from sklearn.metrics import top_k_accuracy_score

    classes = probabilities.shape[1]
    if classes <= k:
        return None
    return float(top_k_accuracy_score(targets, probabilities, k=k, labels=range(classes)))

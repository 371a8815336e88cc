"""Computes precision, recall, F1 and support of every class, and their averages, from stored predictions.

The table has the columns of scikit-learn's text report; an interval and the most frequent confusions are added to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.evaluation.interval import Interval
from bench.evaluation.metrics import Objective
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import interval_of
from bench.markdown import Markup, table
from bench.plugins import Split
from bench.reporting.numbers import count, score_text

REPORT_COLUMNS = ("", "Precision", "Recall", "F1-score", "Support")
MAX_CONFUSIONS = 10


class ReportRow(BaseModel):
    """Scores of one class or their average over classes, from 0 to 1; a score that would divide by zero is 0.

    A class without clips has no scores.
    """

    model_config = ConfigDict(frozen=True)
    label: str
    precision: float | None
    recall: float | None
    f1_score: float | None
    support: int
    """Number of clips of the class."""


class Confusion(BaseModel):
    """The clips of one class that were predicted as another."""

    model_config = ConfigDict(frozen=True)
    true: str
    predicted: str
    clips: int
    share: float
    """Fraction of all clips of the true class, 0 to 1."""


class ClassificationReport(BaseModel):
    """Scores, intervals and confusions of one split."""

    model_config = ConfigDict(frozen=True)
    schema_version: int = 2
    split: Split
    classes: tuple[ReportRow, ...]
    accuracy: float
    macro_average: ReportRow
    """Mean over the classes that have clips."""
    weighted_average: ReportRow
    """Mean over classes, weighted by support."""
    support: int
    metric: Objective
    """The score that ranks, of which the interval is."""
    interval: Interval | None
    """None if there are too few groups or clips."""
    no_interval: str | None = None
    """Why there is no interval."""
    confusions: tuple[Confusion, ...]
    """All confusions, the most frequent first."""


def classification_report(
    predictions: Predictions,
    *,
    split: Split,
    metric: Objective = "accuracy",
    known_groups: bool = False,
    noun: str = "groups",
) -> ClassificationReport:
    """Computes the report of one split's predictions.

    Args:
        predictions: The predictions.
        split: The split that they are of.
        metric: The score that ranks, of which an interval is computed.
        known_groups: Whether training has other clips of the groups.
        noun: The word for groups, in the plural.

    Raises:
        BenchError: There are no predictions.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    interval, no_interval = interval_of(
        [predictions], balanced=metric == "balanced_accuracy", known_groups=known_groups, noun=noun
    )
    truth, predicted = predictions.targets, predictions.predicted
    support = np.bincount(truth, minlength=len(predictions.labels))
    present = np.flatnonzero(support)

    def scores(average: str | None) -> list[NDArray[np.float64]]:
        averages = precision_recall_fscore_support(truth, predicted, labels=present, average=average, zero_division=0.0)
        return list(averages[:3])

    def row(label: str, values: Sequence[float | None], clips: int) -> ReportRow:
        precision, recall, f1_score = values
        return ReportRow(label=label, precision=precision, recall=recall, f1_score=f1_score, support=clips)

    def averaged(label: str, average: str) -> ReportRow:
        return row(label, [float(value) for value in scores(average)], len(truth))

    by_class = dict(zip(present.tolist(), np.transpose(scores(None)).tolist(), strict=True))
    return ClassificationReport(
        split=split,
        classes=tuple(
            row(label, by_class.get(index, (None,) * 3), int(support[index]))
            for index, label in enumerate(predictions.labels)
        ),
        accuracy=float(accuracy_score(truth, predicted)),
        macro_average=averaged("Macro avg", "macro"),
        weighted_average=averaged("Weighted avg", "weighted"),
        support=len(truth),
        metric=metric,
        interval=interval,
        no_interval=no_interval,
        confusions=_confusions(confusion_counts(predictions), predictions.labels),
    )


def confusion_counts(predictions: Predictions) -> NDArray[np.int64]:
    """Returns the number of clips by [true class, predicted class], classes without clips included."""
    from sklearn.metrics import confusion_matrix

    classes = range(len(predictions.labels))
    return np.asarray(confusion_matrix(predictions.targets, predictions.predicted, labels=classes), dtype=np.int64)


def report_rows(report: ClassificationReport) -> list[tuple[str, ...]]:
    """Returns the cells of the table: a row per class, then Accuracy, Macro avg and Weighted avg."""
    return [
        *map(_cells, report.classes),
        ("Accuracy", "", "", score_text(report.accuracy), count(report.support)),
        _cells(report.macro_average),
        _cells(report.weighted_average),
    ]


def report_table(report: ClassificationReport) -> Markup:
    """Returns the table in Markdown."""
    return table(REPORT_COLUMNS, report_rows(report), align=("left",))


def report_notes(report: ClassificationReport) -> list[str]:
    """Returns a line on the classes that the averages leave out, if there are any."""
    absent = [row.label for row in report.classes if not row.support]
    return [f"Without clips in the {report.split} split, and so left out of every mean: {', '.join(absent)}."] * bool(
        absent
    )


def _cells(row: ReportRow) -> tuple[str, ...]:
    return (row.label, score_text(row.precision), score_text(row.recall), score_text(row.f1_score), count(row.support))


def _confusions(counts: NDArray[np.int64], labels: tuple[str, ...]) -> tuple[Confusion, ...]:
    support = counts.sum(axis=1)
    wrong = counts - np.diag(np.diag(counts))
    cells = sorted(zip(*np.nonzero(wrong), strict=True), key=lambda cell: (-wrong[cell], cell))
    return tuple(
        Confusion(
            true=labels[true],
            predicted=labels[predicted],
            clips=int(wrong[true, predicted]),
            share=float(wrong[true, predicted] / support[true]),
        )
        for true, predicted in cells
    )

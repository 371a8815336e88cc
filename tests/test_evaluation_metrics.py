"""Scores against formulas written out, against scikit-learn's own, and where a class has no clips."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from bench.evaluation.metrics import METRICS, Scores, basic_scores, metric_title, score
from bench.evaluation.predictions import Predictions


def predictions(targets: list[int], probabilities: list[list[float]], labels: str) -> Predictions:
    return Predictions(
        labels=tuple(labels),
        ids=tuple(map(str, range(len(targets)))),
        groups=("",) * len(targets),
        targets=np.array(targets),
        probabilities=np.array(probabilities, dtype=np.float32),
    )


def drawn(classes: int, clips: int = 200) -> Predictions:
    random = np.random.default_rng(3)
    targets = random.integers(0, classes, clips)
    logits = random.normal(size=(clips, classes)) + 1.5 * np.eye(classes)[targets]
    return predictions(
        targets.tolist(), (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).tolist(), "abcdefg"[:classes]
    )


def test_scores_agree_with_scikit_learn() -> None:
    given = drawn(7)
    ours, targets, probabilities = score(given), given.targets, given.probabilities
    expected = {
        "accuracy": metrics.accuracy_score(targets, given.predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, given.predicted),
        "macro_f1": metrics.f1_score(targets, given.predicted, average="macro"),
        "loss": metrics.log_loss(targets, probabilities),
        "brier": np.mean(
            [sum((p - (c == t)) ** 2 for c, p in enumerate(row)) for t, row in zip(targets, probabilities, strict=True)]
        ),
        "roc_auc": metrics.roc_auc_score(
            targets, probabilities / probabilities.sum(1, keepdims=True), multi_class="ovr"
        ),
        "top_3_accuracy": np.mean([t in np.argsort(row)[-3:] for t, row in zip(targets, probabilities, strict=True)]),
        "top_5_accuracy": np.mean([t in np.argsort(row)[-5:] for t, row in zip(targets, probabilities, strict=True)]),
    }
    assert {**ours.figures(), "calibration_error": 0} == pytest.approx({**expected, "calibration_error": 0}, abs=1e-6)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy_of_every_bin() -> None:
    """Two clips of 0.9, one right, are 0.4 apart from their accuracy; two of 0.6, both right, as much."""
    given = predictions([0, 1, 1, 1], [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], "ab")
    assert score(given).calibration_error == pytest.approx(0.4)
    certain = predictions([0, 1], [[1.0, 0.0], [0.0, 1.0]], "ab")
    assert (score(certain).calibration_error, score(certain).brier) == (0.0, 0.0)


def test_a_class_without_clips_is_named_and_left_out() -> None:
    """Class c is predicted once and has no clips: it lowers the recall of a, and is no F1 score of 0 in the mean."""
    given = predictions([0, 0, 1], [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]], "abc")
    scores = score(given)
    assert scores.absent == ("c",)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert scores.roc_auc == pytest.approx((3 / 4 + 1) / 2)


def test_what_is_not_defined_is_none_and_no_warning() -> None:
    one_class = score(predictions([0, 0], [[0.8, 0.2], [0.3, 0.7]], "ab"))
    assert (one_class.roc_auc, one_class.top_3_accuracy, one_class.absent) == (None, None, ("b",))
    assert "roc_auc" not in one_class.figures()
    assert score(drawn(4)).top_3_accuracy is not None and score(drawn(4)).top_5_accuracy is None


def test_an_epochs_scores_are_the_first_of_all_scores() -> None:
    given = drawn(5)
    assert basic_scores(given).figures().items() <= score(given).figures().items()


def test_every_score_says_how_to_read_it() -> None:
    assert set(METRICS) == set(Scores.model_fields) - {"clips", "absent", "added"}
    assert {name for name, metric in METRICS.items() if metric.better == "lower"} == {
        "loss",
        "brier",
        "calibration_error",
    }
    assert [metric_title(name) for name in ("balanced_accuracy", "macro_f1", "roc_auc", "brier")] == [
        "balanced accuracy",
        "macro F1",
        "ROC AUC",
        "Brier score",
    ]

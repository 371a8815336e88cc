"""Scores of one split, computed from its predictions with scikit-learn."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.evaluation.predictions import Predictions

Objective = Literal["accuracy", "balanced_accuracy"]
"""What a study maximises; both are better when higher."""


class Scores(BaseModel):
    """Scores of one split, each 0 to 1 and better when higher, but for the loss (nats, better when lower)."""

    model_config = ConfigDict(frozen=True)
    clips: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    loss: float


def score(predictions: Predictions) -> Scores:
    """Accuracy, balanced accuracy (mean recall of the classes present), macro F1 over all classes, mean cross entropy."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    targets, predicted = predictions.targets, predictions.predicted
    with warnings.catch_warnings():
        # A class that is predicted and not there has no recall to average: said of every poor epoch, it helps nobody.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        balanced = balanced_accuracy_score(targets, predicted)
    of_target = np.take_along_axis(predictions.probabilities, targets[:, None], axis=1)
    return Scores(
        clips=len(targets),
        accuracy=float(accuracy_score(targets, predicted)),
        balanced_accuracy=float(balanced),
        macro_f1=float(
            f1_score(targets, predicted, labels=range(len(predictions.labels)), average="macro", zero_division=0.0)
        ),
        loss=float(-np.log(np.clip(of_target, 1e-12, None)).mean()),
    )

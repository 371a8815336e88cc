"""Computes the scores of one split from its predictions, with scikit-learn."""

from __future__ import annotations

import warnings
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.evaluation.predictions import Predictions

Objective = Literal["accuracy", "balanced_accuracy"]
"""A score that a study may maximise."""


class Scores(BaseModel):
    """Scores of one split, each 0 to 1 and better when higher, but for the loss (nats, better when lower)."""

    model_config = ConfigDict(frozen=True)
    clips: int
    """Number of clips in the split."""
    accuracy: float
    balanced_accuracy: float
    """Mean recall of the classes that the split has."""
    macro_f1: float
    """Mean F1 score over all classes."""
    loss: float
    """Mean cross entropy, in nats."""


def score(predictions: Predictions) -> Scores:
    """Computes the scores of one split."""
    import numpy as np
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    targets, predicted = predictions.targets, predictions.predicted
    with warnings.catch_warnings():
        # A class that is predicted but not in the split has no recall; the warning would come with every poor epoch.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        balanced = balanced_accuracy_score(targets, predicted)
    # In float64, whose last digit is that of every machine's sum.
    of_target = np.take_along_axis(predictions.probabilities.astype(np.float64), targets[:, None], axis=1)
    return Scores(
        clips=len(targets),
        accuracy=float(accuracy_score(targets, predicted)),
        balanced_accuracy=float(balanced),
        macro_f1=float(
            f1_score(targets, predicted, labels=range(len(predictions.labels)), average="macro", zero_division=0.0)
        ),
        loss=float(-np.log(np.clip(of_target, 1e-12, None)).mean()),
    )

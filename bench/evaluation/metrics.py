"""Computes the scores of one split from its predictions.

scikit-learn, which the tests hold them against, would be a second and 85 MB of every worker for these alone.
"""

from __future__ import annotations

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

    targets, predicted, classes = predictions.targets, predictions.predicted, len(predictions.labels)
    hits, clips, told = (
        np.bincount(of, minlength=classes) for of in (targets[targets == predicted], targets, predicted)
    )
    of_target = np.take_along_axis(predictions.probabilities, targets[:, None], axis=1)
    return Scores(
        clips=len(targets),
        accuracy=float(hits.sum() / len(targets)),
        balanced_accuracy=float((hits[clips > 0] / clips[clips > 0]).mean()),
        # A class that neither the split nor the predictions have counts 0.
        macro_f1=float((2 * hits / np.maximum(clips + told, 1)).mean()),
        loss=float(-np.log(np.clip(of_target, 1e-12, None)).mean()),
    )

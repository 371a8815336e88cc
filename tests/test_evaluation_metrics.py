"""The scores of a split, held against scikit-learn's."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from bench.evaluation.metrics import score
from bench.evaluation.predictions import Predictions


def predictions(targets: list[int], predicted: list[int], classes: int) -> Predictions:
    """Clips of these targets, each most probably of the class predicted."""
    probabilities = np.random.default_rng(0).uniform(0.1, 1, (len(targets), classes)).astype(np.float32)
    probabilities[np.arange(len(targets)), predicted] += 1
    return Predictions(
        labels=tuple("abcdefgh"[:classes]),
        ids=tuple(map(str, range(len(targets)))),
        groups=("",) * len(targets),
        targets=np.array(targets),
        probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
    )


@pytest.mark.parametrize(
    ("targets", "predicted", "classes"),
    [
        ([0, 1, 2, 0, 1, 2, 0, 0], [0, 2, 2, 1, 1, 0, 0, 0], 3),
        ([0, 0, 1, 1], [0, 2, 1, 2], 3),  # a class that is predicted and not in the split
        ([0, 0, 1, 2], [0, 0, 1, 1], 3),  # one that is in the split and not predicted
        ([0, 0, 3], [0, 3, 3], 6),  # classes that are in neither
        ([1, 1, 1], [0, 0, 0], 2),  # none is right
    ],
)
def test_scores_are_those_of_scikit_learn(targets: list[int], predicted: list[int], classes: int) -> None:
    split = predictions(targets, predicted, classes)
    scores = score(split)
    assert scores.clips == len(targets)
    assert scores.accuracy == accuracy_score(targets, predicted)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(targets, predicted), abs=1e-15)
    expected = f1_score(targets, predicted, labels=range(classes), average="macro", zero_division=0.0)
    assert scores.macro_f1 == pytest.approx(expected, abs=1e-15)
    assert scores.loss == pytest.approx(log_loss(targets, split.probabilities, labels=range(classes)), rel=1e-6)


def test_scores_load_nothing_heavy() -> None:
    """Every worker computes them."""
    code = (
        "import sys, numpy as np\n"
        "from bench.evaluation.metrics import score\n"
        "from bench.evaluation.predictions import Predictions\n"
        "score(Predictions(('a', 'b'), ('1',), ('',), np.array([0]), np.array([[0.9, 0.1]])))\n"
        "print([name for name in ('sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"

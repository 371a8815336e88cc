"""Where networks fail, against loops over their clips."""

from __future__ import annotations

import numpy as np
from reporting_results import LABELS, fitted

from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.predictions import Predictions


def backwards(result: Predictions) -> Predictions:
    return Predictions(
        labels=result.labels,
        ids=result.ids[::-1],
        groups=result.groups[::-1],
        targets=result.targets[::-1],
        probabilities=result.probabilities[::-1],
    )


RESULTS = [fitted(seed=seed, noise=1.6)["test"] for seed in range(3)]


def test_clips_that_every_seed_gets_wrong_are_those_of_a_loop() -> None:
    analysis = analyse_errors([RESULTS[0], backwards(RESULTS[1]), RESULTS[2]])
    expected = {}
    for index, clip in enumerate(RESULTS[0].ids):
        taken_for = [int(result.predicted[index]) for result in RESULTS]
        if RESULTS[0].targets[index] not in taken_for:
            expected[clip] = (LABELS[RESULTS[0].targets[index]], tuple(LABELS[one] for one in taken_for))
    assert 3 < len(expected) < 45  # or the test would show little
    assert {clip.id: (clip.label, clip.predicted) for clip in analysis.missed} == expected


def test_groups_and_classes_stand_worst_first_with_their_share_right() -> None:
    analysis = analyse_errors(RESULTS)
    right = np.mean([result.predicted == result.targets for result in RESULTS], axis=0)
    for parts, names in (
        (analysis.groups, np.array(RESULTS[0].groups)),
        (analysis.classes, np.array(LABELS)[RESULTS[0].targets]),
    ):
        assert {part.name: part.clips for part in parts} == {name: int((names == name).sum()) for name in names}
        for part in parts:
            assert np.isclose(part.accuracy, right[names == part.name].mean())
        assert [part.accuracy for part in parts] == sorted(part.accuracy for part in parts)


def test_unknown_groups_are_no_group() -> None:
    assert analyse_errors([fitted(seed=1, speakers=0)["test"]]).groups == ()
    assert analyse_errors([fitted(seed=1, speakers=1)["test"]]).groups == ()


def test_nothing_is_missed_where_all_is_right() -> None:
    sure = RESULTS[0].__class__(
        **{**vars(RESULTS[0]), "probabilities": np.eye(4, dtype=np.float32)[RESULTS[0].targets]}
    )
    assert analyse_errors([sure, RESULTS[1]]).missed == ()

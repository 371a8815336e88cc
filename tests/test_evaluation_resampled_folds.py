"""Intervals and comparisons over outer folds: the corrected resampled t test, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from bench.evaluation.resampled_folds import FoldScores, compare_over_folds, interval_over_folds
from perf.fold_coverage import fold_row


def folds(
    *scores: float | list[float], clips: int = 500, test_share: float = 0.25, groups: int | None = None
) -> FoldScores:
    matrix = np.array([score if isinstance(score, list) else [score] for score in scores])
    return FoldScores(matrix, clips=clips, groups=groups, new_groups=groups is not None, test_share=test_share)


def test_the_p_value_is_that_of_nadeau_and_bengio() -> None:
    a, b = folds(0.8, 0.82, 0.85, 0.79, 0.83), folds(0.77, 0.8, 0.84, 0.78, 0.77)
    compared = compare_over_folds(a, b)
    uncorrected = ttest_rel(a.of_folds, b.of_folds)
    statistic = uncorrected.statistic * np.sqrt((1 / 5) / (1 / 5 + 0.25))
    assert compared.p_value == pytest.approx(2 * t.sf(statistic, df=4))
    assert compared.difference == pytest.approx(0.026) and not compared.differs
    assert uncorrected.pvalue < 0.05 < compared.p_value < 0.15
    half = t.ppf(0.975, 4) * np.sqrt((1 / 5 + 0.25) * np.var(a.of_folds - b.of_folds, ddof=1))
    assert [compared.interval.low, compared.interval.high] == pytest.approx([0.026 - half, 0.026 + half])


def test_a_row_and_itself_tie_and_rows_far_apart_do_not() -> None:
    a, b = folds(0.9, 0.92, 0.91), folds(0.6, 0.61, 0.6)
    assert compare_over_folds(a, a).p_value == 1.0
    assert compare_over_folds(a, b).differs and compare_over_folds(b, a).difference < 0


def test_it_claims_new_training_clips_and_says_how_many_folds() -> None:
    found = interval_over_folds(folds([0.8, 0.82], [0.84, 0.86], [0.9, 0.9], groups=12))
    assert found.claim("recordings") == "new clips, new recordings, new training clips and new seeds"
    assert found.units("recordings") == "500 clips of 12 recordings, 3 folds, 2 seeds"
    assert interval_over_folds(folds(0.8, 0.82)).claim() == "new clips and new training clips"


def test_folds_that_agree_by_chance_promise_no_more_than_their_clips() -> None:
    """Equal scores in all folds, and perfect ones: the clips' own binomial variance is left."""
    agree, perfect = (
        interval_over_folds(folds(0.9, 0.9, 0.9, clips=100)),
        interval_over_folds(folds(1.0, 1.0, clips=100)),
    )
    assert agree.high - agree.low > 0.06
    assert perfect.high == 1.0 and perfect.low == pytest.approx(1 / (1 + 1.96**2 / 100), abs=0.001)


def test_intervals_hold_the_true_value_of_learners_that_train() -> None:
    for protocol in ("k-fold:5", "leave-one-group-out:6"):
        row = fold_row(protocol, 60, runs=60)
        assert all(row[f"covered {distance}"] >= 90 for distance in (0.6, 1.3))
        assert row["false 0.6"] <= 8

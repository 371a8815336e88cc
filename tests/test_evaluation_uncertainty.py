"""Intervals and comparisons against plain, slow ways of computing the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from bench.errors import BenchError
from bench.evaluation.metrics import score
from bench.evaluation.paired_comparison import compare, exact_mcnemar
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import bootstrap_interval, resample


def predictions(
    *, clips: int = 300, classes: int = 4, right: float = 0.8, seed: int = 0, speakers: int = 0, targets_seed: int = 99
) -> Predictions:
    """A result that is right on about that share of its clips; with speakers, some are harder than others."""
    random = np.random.default_rng(seed)
    targets = np.random.default_rng(targets_seed).integers(classes, size=clips)
    speaker = np.arange(clips) % speakers if speakers else np.zeros(clips, dtype=int)
    chance = np.full(clips, right) if not speakers else np.where(speaker % 2 == 0, 1.0, 2 * right - 1)
    predicted = np.where(random.random(clips) < chance, targets, (targets + 1 + random.integers(classes - 1)) % classes)
    probabilities = np.full((clips, classes), 0.1 / (classes - 1), dtype=np.float32)
    probabilities[np.arange(clips), predicted] = 0.9
    return Predictions(
        labels=tuple("abcdefgh"[:classes]),
        ids=tuple(f"clip-{i:04d}" for i in range(clips)),
        groups=tuple(f"speaker-{s}" if speakers else "" for s in speaker),
        targets=targets.astype(np.int64),
        probabilities=probabilities,
    )


def shuffled(result: Predictions, seed: int = 5) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(result.ids))
    return Predictions(
        labels=result.labels,
        ids=tuple(result.ids[i] for i in order),
        groups=tuple(result.groups[i] for i in order),
        targets=result.targets[order],
        probabilities=result.probabilities[order],
    )


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_interval_agrees_with_a_loop_over_resampled_clips(metric: str) -> None:
    results = [predictions(seed=1), predictions(seed=2, right=0.7)]
    random, values = np.random.default_rng(7), []
    for _ in range(600):
        drawn = random.integers(300, size=300)
        of_seeds = []
        for result in results:
            targets, predicted = result.targets[drawn], result.predicted[drawn]
            by_metric = {
                "accuracy": lambda t, s: accuracy_score(t, s),
                "balanced_accuracy": lambda t, s: balanced_accuracy_score(t, s),
            }
            of_seeds.append(by_metric[metric](targets, predicted))
        values.append(np.mean(of_seeds))
    interval = bootstrap_interval(results, metric=metric)  # type: ignore[arg-type]
    assert [interval.low, interval.high] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.008)
    assert (interval.over, interval.units, interval.resamples) == ("clips", 300, 2000)


def test_interval_over_speakers_agrees_with_a_loop_and_is_wider() -> None:
    result = predictions(speakers=6)
    speakers = np.array([int(group[-1]) for group in result.groups])
    correct = result.predicted == result.targets
    random = np.random.default_rng(7)
    values = [
        np.concatenate([correct[speakers == speaker] for speaker in random.integers(6, size=6)]).mean()
        for _ in range(2000)
    ]
    interval = bootstrap_interval([result])
    assert [interval.low, interval.high] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.02)
    assert (interval.over, interval.units) == ("groups", 6)
    over_clips = bootstrap_interval([predictions()])
    assert interval.high - interval.low > 1.5 * (over_clips.high - over_clips.low)


def test_clips_are_resampled_where_a_group_is_unknown_or_groups_are_few() -> None:
    two = predictions(speakers=2)
    assert bootstrap_interval([two]).over == "clips"
    one_unknown = predictions(speakers=6)
    one_unknown = Predictions(
        labels=one_unknown.labels,
        ids=one_unknown.ids,
        groups=("", *one_unknown.groups[1:]),
        targets=one_unknown.targets,
        probabilities=one_unknown.probabilities,
    )
    assert bootstrap_interval([one_unknown]).over == "clips"


def test_interval_is_deterministic_and_its_seed_counts() -> None:
    result = predictions()
    assert bootstrap_interval([result]) == bootstrap_interval([result])
    assert bootstrap_interval([result], seed=1) != bootstrap_interval([result], seed=0)


def test_every_resample_holds_as_many_clips_as_the_split() -> None:
    drawn = resample([predictions(), predictions(seed=3)], resamples=50)
    assert (drawn.resampled.sum(axis=1) == 300).all()
    assert drawn.counts.sum() == 300


def test_interval_of_a_perfect_result_collapses() -> None:
    interval = bootstrap_interval([predictions(right=1.1)])
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_balanced_accuracy_of_the_split_itself_is_that_of_its_scores() -> None:
    """A class without clips counts in neither; resampling one single kind of clip gives the split itself every time."""
    one_kind = Predictions(
        labels=("a", "b"),
        ids=("x", "y"),
        groups=("", ""),
        targets=np.array([0, 0]),
        probabilities=np.array([[0.9, 0.1], [0.9, 0.1]], dtype=np.float32),
    )
    interval = bootstrap_interval([one_kind], metric="balanced_accuracy")
    assert interval.low == interval.high == score(one_kind).balanced_accuracy == 1.0


def test_order_of_clips_does_not_matter() -> None:
    a, b = predictions(seed=1), predictions(seed=2)
    assert bootstrap_interval([a, shuffled(b)]) == bootstrap_interval([a, b])
    assert compare(a, shuffled(b)) == compare(a, b)


def test_comparison_counts_by_clip() -> None:
    a, b = predictions(seed=1, right=0.9), predictions(seed=2, right=0.6)
    comparison = compare(a, b)
    right_a, right_b = a.predicted == a.targets, b.predicted == b.targets
    assert comparison.only_a == int((right_a & ~right_b).sum())
    assert comparison.only_b == int((right_b & ~right_a).sum())
    assert comparison.difference == pytest.approx(right_a.mean() - right_b.mean())
    assert comparison.interval.low > 0
    assert comparison.p_value < 1e-6
    backwards = compare(b, a)
    assert backwards.difference == pytest.approx(-comparison.difference)
    assert backwards.interval.high == pytest.approx(-comparison.interval.low, abs=0.01)


def test_a_result_compared_with_itself_does_not_differ() -> None:
    comparison = compare(predictions(), predictions())
    assert (comparison.difference, comparison.interval.low, comparison.interval.high, comparison.p_value) == (
        0,
        0,
        0,
        1.0,
    )


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (8, 1, 20 / 512)])
def test_exact_mcnemar_by_hand(only_a: int, only_b: int, p: float) -> None:
    assert exact_mcnemar(only_a, only_b) == pytest.approx(p)


def test_different_clips_are_not_compared() -> None:
    a, fewer, other_truth = predictions(), predictions(clips=299), predictions(targets_seed=3)
    with pytest.raises(BenchError, match="different clips"):
        compare(a, fewer)
    with pytest.raises(BenchError, match="true classes"):
        compare(a, other_truth)
    with pytest.raises(BenchError, match="different classes"):
        compare(a, predictions(classes=3))


def test_no_clips_is_an_error() -> None:
    with pytest.raises(BenchError, match="no clips"):
        bootstrap_interval([predictions(clips=0)])


def test_thousands_of_clips_take_no_time() -> None:
    """Speech Commands' test split with 35 words and three seeds: under a second, where a loop takes minutes."""
    import time

    results = [predictions(clips=11_000, classes=8, right=0.95, seed=seed) for seed in range(3)]
    start = time.perf_counter()
    interval = bootstrap_interval(results, metric="balanced_accuracy")
    assert time.perf_counter() - start < 5
    assert 0.93 < interval.low < interval.high < 0.97

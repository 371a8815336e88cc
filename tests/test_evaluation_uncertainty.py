"""Intervals and comparisons: what they hold of new data, by simulation, and against other ways to compute the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

from bench.errors import BenchError
from bench.evaluation.interval import Interval
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import correct_clips, interval_of
from bench.statistics import compare, interval, why_none
from perf.coverage import WORLDS, coverage, pair_row


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


BY_NAME = {world.name: world for world in WORLDS}


def test_it_is_reached_from_bench() -> None:
    import bench

    assert bench.statistics.interval is interval


def outcomes(*right: int, clips: int = 100) -> np.ndarray:
    """Networks that get so many of the clips right, the first ones."""
    return np.arange(clips)[None] < np.array(right)[:, None]


@pytest.mark.parametrize(
    ("world", "groups", "clips", "seeds", "accuracy"),
    [
        ("hard clips", 0, 41, 1, 0.95),
        ("groups and seeds", 6, 300, 3, 0.95),
        ("groups", 3, 60, 1, 0.9),
        ("seeds", 0, 300, 3, 0.9),
    ],
)
def test_intervals_hold_the_true_value_of_new_clips_groups_and_seeds(
    world: str, groups: int, clips: int, seeds: int, accuracy: float
) -> None:
    covered = coverage(BY_NAME[world], groups, clips, seeds=seeds, accuracy=accuracy, runs=700)
    assert 93 <= covered <= 98.5


def test_equal_configurations_are_rarely_called_different_and_unequal_ones_are() -> None:
    row = pair_row(20, 400, 3, runs=200)
    assert row["false"] <= 7 and row["power"] > 50
    assert row["covered equal"] > 93 and row["covered unequal"] > 93


def test_over_clips_of_one_seed_it_is_about_wilsons() -> None:
    found = interval(outcomes(930, clips=1000))
    assert found is not None
    assert [found.low, found.high] == pytest.approx(proportion_confint(930, 1000, method="wilson"), abs=0.0005)
    assert (found.over, found.clips, found.groups, found.seeds) == (("clips",), 1000, None, 1)
    assert found.claim() == "new clips, by this network"


def test_a_perfect_result_promises_no_perfection() -> None:
    found = interval(outcomes(100, 100, 100))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(proportion_confint(100, 100, method="wilson"))
    none_right = interval(outcomes(0, 0, 0))
    assert none_right is not None
    assert (none_right.low, none_right.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_over_groups_it_is_about_the_t_interval_of_their_means() -> None:
    random = np.random.default_rng(3)
    chance = np.repeat(random.uniform(0.4, 0.7, size=30), 50)
    correct = random.random(1500) < chance
    names = [f"speaker {number}" for number in np.repeat(np.arange(30), 50)]
    found = interval(correct, names)
    means = correct.reshape(30, 50).mean(axis=1)
    expected = t.interval(0.95, 29, means.mean(), means.std(ddof=1) / np.sqrt(30))
    assert found is not None
    assert [found.low, found.high] == pytest.approx(expected, abs=0.005)
    assert found.claim("speakers") == "new clips and new speakers, by this network"
    assert found.units("speakers") == "1,500 clips of 30 speakers, 1 seed"
    known = interval(correct, names, known_groups=True)
    assert known is not None and known.claim("speakers") == "new clips of these speakers, by this network"
    assert known.high - known.low < found.high - found.low
    of_seeds = interval([correct, correct], names, known_groups=True)
    assert of_seeds is not None and of_seeds.claim("speakers") == "new clips of these speakers and new seeds"


def test_seeds_that_differ_widen_it_to_hold_them() -> None:
    alike, apart = interval(outcomes(90, 90, 90)), interval(outcomes(99, 90, 81))
    assert alike is not None and apart is not None
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)
    assert apart.low < 0.81 and apart.high > 0.98
    assert apart.claim() == "new clips and new seeds"


@pytest.mark.parametrize(
    ("clips", "names", "why"),
    [
        (100, ["a"] * 50 + ["b"] * 50, "2 speakers are too few"),
        (100, ["a"] * 98 + ["b", "c"], "one of the speakers has nearly all clips"),
        (5, None, "5 clips are too few"),
    ],
)
def test_no_interval_without_enough_to_go_by_and_the_reason(clips: int, names: list[str] | None, why: str) -> None:
    correct = outcomes(clips - 1, clips=clips)
    assert interval(correct, names) is None
    assert compare(correct, correct, names) is None
    assert why in str(why_none(correct, names, noun="speakers"))
    assert why_none(outcomes(90)) is None


def test_a_group_of_any_name_counts_and_one_without_a_name_is_an_error() -> None:
    by_name, by_number = interval(outcomes(90), ["a", "b", "c", "d"] * 25), interval(outcomes(90), [0, 1, 2, 3] * 25)
    assert by_name is not None and by_name == by_number == interval(outcomes(90), np.arange(100) % 4)
    assert (by_name.over, by_name.groups) == (("clips", "groups"), 4)
    for missing in ("", None, float("nan")):
        with pytest.raises(BenchError, match="clip 3 has no group: name one for every clip, or leave the groups out"):
            interval(outcomes(90), ["a", "b", "c", missing] * 25)


def test_predictions_of_which_one_group_is_unknown_are_of_clips() -> None:
    known = predictions(speakers=4)
    found, _ = interval_of([replace(known, groups=("", *known.groups[1:]))])
    assert found is not None and (found.over, found.groups) == (("clips",), None)


def test_perfect_groups_promise_less_than_as_many_clips_of_their_own() -> None:
    alone, grouped = interval(outcomes(300, clips=300)), interval(outcomes(300, clips=300), ["a", "b", "c"] * 100)
    assert alone is not None and grouped is not None and grouped.high == 1.0
    assert grouped.low == pytest.approx(proportion_confint(300 / 1.99, 300 / 1.99, method="wilson")[0])


@pytest.mark.parametrize("what", ["abc", None, [[True], [True, False]], [[[True]]], [0.5, 1.0]])
def test_what_is_no_array_of_outcomes(what: object) -> None:
    with pytest.raises(BenchError, match="outcomes are true or false for every seed and clip"):
        interval(what)  # type: ignore[arg-type]


def test_of_balanced_accuracy_it_weighs_classes_alike() -> None:
    targets = np.repeat([0, 1], [90, 10])
    correct = np.concatenate([np.arange(90) < 90, np.arange(10) < 5])
    plain, balanced = interval(correct), interval(correct, targets=targets)
    assert plain is not None and balanced is not None
    assert plain.low < 0.95 < plain.high and balanced.low < 0.75 < balanced.high
    assert balanced.high - balanced.low > 3 * (plain.high - plain.low)


def test_order_of_clips_does_not_matter() -> None:
    a, b = predictions(seed=1, speakers=6), predictions(seed=2, speakers=6)
    first, second = interval_of([a, shuffled(b)]), interval_of([a, b])
    assert isinstance(first[0], Interval) and first == second and first[1] is None


def test_a_comparison_and_its_reverse() -> None:
    a, b = correct_clips([predictions(seed=1, right=0.9), predictions(seed=2, right=0.6)])
    comparison, backwards = compare(a, b), compare(b, a)
    assert comparison is not None and backwards is not None
    assert comparison.difference == pytest.approx(a.mean() - b.mean())
    assert comparison.interval.low > 0 and comparison.p_value < 1e-6 and comparison.differs
    assert backwards.interval.high == pytest.approx(-comparison.interval.low)
    assert backwards.p_value == pytest.approx(comparison.p_value)


def test_the_p_value_is_where_the_interval_ends_at_0() -> None:
    """Differences that are just significant have intervals that just leave 0 out."""
    for more in range(1, 30):
        comparison = compare(outcomes(80 + more, clips=120), outcomes(80, clips=120))
        assert comparison is not None
        assert comparison.differs == (comparison.interval.low > 0), more


def test_a_result_compared_with_itself_does_not_differ() -> None:
    comparison = compare(outcomes(90), outcomes(90))
    assert comparison is not None
    assert (comparison.difference, comparison.p_value, comparison.mcnemar) == (0, 1.0, 1.0)
    assert comparison.interval.low < 0 < comparison.interval.high


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(5, 5, 1.0), (0, 6, 2 / 64), (8, 1, 20 / 512)])
def test_mcnemar_by_hand(only_a: int, only_b: int, p: float) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True] * 20)
    b = np.array([False] * only_a + [True] * only_b + [True] * 20)
    comparison = compare(a, b)
    assert comparison is not None and comparison.mcnemar == pytest.approx(p)
    of_seeds = compare([a, a], b)
    assert of_seeds is not None and of_seeds.mcnemar is None


def test_different_clips_are_not_compared() -> None:
    a, fewer, other_truth = predictions(), predictions(clips=299), predictions(targets_seed=3)
    with pytest.raises(BenchError, match="different clips"):
        correct_clips([a, fewer])
    with pytest.raises(BenchError, match="true classes"):
        correct_clips([a, other_truth])
    with pytest.raises(BenchError, match="different classes"):
        correct_clips([a, predictions(classes=3)])
    with pytest.raises(BenchError, match="same clips"):
        compare(outcomes(9, clips=20), outcomes(9, clips=21))


def test_what_is_no_outcome_is_an_error() -> None:
    with pytest.raises(BenchError, match="no clips"):
        interval_of([predictions(clips=0)])
    with pytest.raises(BenchError, match="true or false"):
        interval([[0.5] * 20])
    with pytest.raises(BenchError, match="3 groups for 100 clips"):
        interval(outcomes(90), ["a", "b", "c"])

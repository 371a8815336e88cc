"""Stratified, grouped cuts: what must hold for any clips."""

from __future__ import annotations

from collections import Counter, defaultdict
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.plugins import stratified_split

SPLITS = {"train", "validation", "test"}

class_sizes = st.dictionaries(st.sampled_from("abcdef"), st.integers(2, 60), min_size=1)
shares = st.floats(0.05, 0.4)


def clips_of(sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    labels = [label for label, size in sorted(sizes.items()) for _ in range(size)]
    return [f"{label}/{number}" for number, label in enumerate(labels)], labels


@given(sizes=class_sizes, validation=shares, test=shares, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_class_has_its_share_of_every_split(
    sizes: dict[str, int], validation: float, test: float, seed: int
) -> None:
    ids, labels = clips_of(sizes)
    counts = Counter(
        zip(labels, stratified_split(ids, labels, validation=validation, test=test, seed=seed), strict=True)
    )
    wanted = {"train": 1 - validation - test, "validation": validation, "test": test}
    for label, size in sizes.items():
        for split, share in wanted.items():
            assert abs(counts[label, split] - share * size) <= 2
            assert counts[label, split] >= (1 if size >= 3 or split != "test" else 0)


@given(sizes=class_sizes, seed=st.integers(0, 99), order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_clips_does_not_matter(sizes: dict[str, int], seed: int, order: object) -> None:
    ids, labels = clips_of(sizes)
    groups = [f"g{crc32(id.encode()) % 7}" if crc32(id.encode()) % 3 else None for id in ids]
    rows = list(zip(ids, labels, groups, strict=True))
    order.shuffle(rows)  # type: ignore[attr-defined]
    shuffled = stratified_split([r[0] for r in rows], [r[1] for r in rows], groups=[r[2] for r in rows], seed=seed)
    straight = stratified_split(ids, labels, groups=groups, seed=seed)
    assert dict(zip(ids, straight, strict=True)) == dict(zip([r[0] for r in rows], shuffled, strict=True))


@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 11)), min_size=1, max_size=80),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_no_group_is_in_two_splits(rows: list[tuple[str, int]], seed: int) -> None:
    rows = rows + [(label, 0) for label, _ in rows]  # no class has a single clip
    ids = [str(place) for place in range(len(rows))]
    chosen = stratified_split(ids, [row[0] for row in rows], groups=[str(row[1]) for row in rows], seed=seed)
    splits_of = defaultdict(set)
    for (_, group), split in zip(rows, chosen, strict=True):
        splits_of[group].add(split)
    assert all(len(splits) == 1 for splits in splits_of.values())


@given(groups=st.integers(3, 12), clips=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_classes_with_three_groups_are_in_every_split(groups: int, clips: int, seed: int) -> None:
    """Whether the groups are speakers who say every word, or recordings of one class each."""
    rows = [(label, group) for label in "ab" for group in range(groups) for _ in range(clips)]
    ids = [str(number) for number in range(len(rows))]
    labels = [row[0] for row in rows]
    for names in ([str(row[1]) for row in rows], [f"{row[0]}{row[1]}" for row in rows]):
        chosen = stratified_split(ids, labels, groups=names, seed=seed)
        for label in "ab":
            assert {split for split, of in zip(chosen, labels, strict=True) if of == label} == SPLITS


def test_seeds_differ_and_repeat() -> None:
    ids, labels = clips_of({"a": 40, "b": 40})
    assert (
        stratified_split(ids, labels, seed=0)
        == stratified_split(ids, labels, seed=0)
        != stratified_split(ids, labels, seed=1)
    )


def test_twenty_clips_are_fourteen_three_three() -> None:
    ids, labels = clips_of({"a": 20})
    assert Counter(stratified_split(ids, labels)) == {"train": 14, "validation": 3, "test": 3}


def test_a_class_with_one_clip_is_named() -> None:
    with pytest.raises(BenchError, match="class lonely has a single clip"):
        stratified_split(["1", "2", "3"], ["many", "many", "lonely"])


def test_shares_that_leave_no_training_clips() -> None:
    with pytest.raises(BenchError, match="leave no training clips"):
        stratified_split(["1", "2"], ["a", "a"], validation=0.5, test=0.5)

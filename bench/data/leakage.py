"""Finds what makes a measured accuracy too good: one recording, or one speaker, in two splits. It is reported only.

The same sound under two labels is an error, since no result on such data means anything for either class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.data.chosen_classes import look_of
from bench.data.twins import Twins
from bench.errors import BenchError, first_few
from bench.plugins import Clip, Split
from bench.plugins.contracts import SPLITS


@dataclass(frozen=True, slots=True)
class ListedClip:
    """What is known of a clip once it is decoded."""

    id: str
    label: str
    split: Split
    group: str
    """Speaker or recording, empty if unknown."""
    silent: bool
    """Whether it holds silence, which is the same everywhere."""
    seconds: float
    """Length before it is cut."""


def leaks(clips: Iterable[ListedClip], twins: Twins) -> tuple[str, ...]:
    """Writes a note for every way in which the training clips give away clips of other splits.

    Args:
        clips: The clips that are used. Silent ones are left out.
        twins: The twins among them.
    """
    audible = [clip for clip in clips if not clip.silent]
    return (*_shared_recordings(audible, twins), *_shared_groups(audible))


def refuse_contradictions(dataset: str, clips: Iterable[Clip], twins: Twins) -> None:
    """Refuses a data set in which one sound has two labels. Clips that share a part only may well differ in their labels.

    Args:
        dataset: Its name.
        clips: Its clips.
        twins: The twins among the clips.

    Raises:
        BenchError: Two clips with different labels are twins as a whole; it names both.
    """
    pairs = contradictions(clips, twins)
    if pairs:
        more = f", and so do {len(pairs) - 1:,} more pairs" if len(pairs) > 1 else ""
        raise BenchError(
            f"data set {dataset}: {pairs[0]} hold the same sound under two labels{more}: correct the label of one, "
            f"or leave it out (bench check-data lists all)"
        )


def contradictions(clips: Iterable[Clip], twins: Twins) -> tuple[str, ...]:
    """Names the pairs of clips that are twins as a whole and have different labels: `a.wav (cat) and b.wav (dog)`."""
    by_id = {clip.id: clip for clip in clips}
    pairs = [(by_id[pair.first], by_id[pair.second]) for pair in twins.pairs if pair.whole]
    return tuple(
        f"{first.id} ({first.label}) and {second.id} ({second.label})"
        for first, second in pairs
        if first.label != second.label
    )


def alike_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """A note on groups whose names look the same: a speaker of two spellings could stand in training and test, unnoticed."""
    by_look: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(groups) - {""}):
        by_look[look_of(name)].append(name)
    alike = [" and ".join(map(ascii, names)) for names in by_look.values() if len(names) > 1]
    if not alike:
        return ()
    return (
        "groups whose names can hardly be told apart count as groups of their own: "
        f"{first_few(alike)}; spell them alike where they are one",
    )


def _shared_recordings(clips: Sequence[ListedClip], twins: Twins) -> Iterator[str]:
    in_split = {split: {clip.id for clip in clips if clip.split == split} for split in SPLITS}
    for first, second in combinations(SPLITS, 2):
        shared = sorted(twins.twins_in(in_split[first]) & in_split[second])
        if shared:
            examples = first_few(f"{id} = {twins.twin_of(id, in_split[first])}" for id in shared)
            verb = "has" if len(shared) == 1 else "have"
            yield f"{clips_of(len(shared))} of {second} {verb} the same recording as clips of {first}: {examples}"


def _shared_groups(clips: Iterable[ListedClip]) -> Iterator[str]:
    splits_of: dict[str, set[Split]] = defaultdict(set)
    for clip in clips:
        if clip.group:
            splits_of[clip.group].add(clip.split)
    shared: dict[str, list[str]] = defaultdict(list)
    for name, its_splits in splits_of.items():
        splits = [split for split in SPLITS if split in its_splits]
        if len(splits) > 1:
            shared[" and ".join(splits)].append(name)
    for named_splits, names in sorted(shared.items()):
        groups = "1 group has" if len(names) == 1 else f"{len(names):,} groups have"
        yield (
            f"{groups} clips in {named_splits}, so new groups are not measured: {first_few(sorted(names))} "
            "(--protocol leave-one-group-out or k-fold:5 measures them)"
        )


def clips_of(count: int) -> str:
    """Writes a number of clips as `1 clip` or `3,000 clips`."""
    return f"{count:,} clip{'' if count == 1 else 's'}"

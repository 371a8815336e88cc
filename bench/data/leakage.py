"""Finds what makes a measured accuracy too good: one recording, or one speaker, in two splits. It is reported only.

The same sound under two labels is an error, since no result on such data means anything for either class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from bench.data.twins import Twins
from bench.errors import BenchError, first_few
from bench.plugins import Clip
from bench.plugins.contracts import SPLITS


def leaks(clips: Sequence[Clip], twins: Twins) -> tuple[str, ...]:
    """Writes a note for every way in which the training clips give away clips of other splits.

    Args:
        clips: The clips that are used, those that should be silent left out: silence is the same everywhere.
        twins: The twins among them.
    """
    return (*_shared_recordings(clips, twins), *_shared_groups(clips))


def refuse_contradictions(dataset: str, labels: Mapping[str, str], twins: Twins) -> None:
    """Refuses a data set in which one sound has two labels. Clips that share a part only may well differ in their labels.

    Args:
        dataset: Its name.
        labels: The label of every clip by its id.
        twins: The twins among the clips.

    Raises:
        BenchError: Two clips with different labels are twins as a whole; it names both.
    """
    pairs = contradictions(labels, twins)
    if pairs:
        more = f", and so do {len(pairs) - 1:,} more pairs" if len(pairs) > 1 else ""
        raise BenchError(
            f"data set {dataset}: {pairs[0]} hold the same sound under two labels{more}: correct the label of one, "
            f"or leave it out (bench check-data lists all)"
        )


def contradictions(labels: Mapping[str, str], twins: Twins) -> tuple[str, ...]:
    """Names the pairs of clips that are twins as a whole and have different labels: `a.wav (cat) and b.wav (dog)`."""
    return tuple(
        f"{pair.first} ({labels[pair.first]}) and {pair.second} ({labels[pair.second]})"
        for pair in twins.pairs
        if pair.whole and labels[pair.first] != labels[pair.second]
    )


def _shared_recordings(clips: Sequence[Clip], twins: Twins) -> Iterator[str]:
    in_split = {split: {clip.id for clip in clips if clip.split == split} for split in SPLITS}
    for first, second in combinations(SPLITS, 2):
        shared = sorted(twins.twins_in(in_split[first]) & in_split[second])
        if shared:
            examples = first_few(f"{id} = {twins.twin_of(id, in_split[first])}" for id in shared)
            verb = "has" if len(shared) == 1 else "have"
            yield f"{clips_of(len(shared))} of {second} {verb} the same recording as clips of {first}: {examples}"


def _shared_groups(clips: Iterable[Clip]) -> Iterator[str]:
    splits_of: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.group is not None:
            splits_of[clip.group].add(clip.split)
    shared: dict[str, list[str]] = defaultdict(list)
    for name, its_splits in splits_of.items():
        splits = [split for split in SPLITS if split in its_splits]
        if len(splits) > 1:
            shared[" and ".join(splits)].append(name)
    for named_splits, names in sorted(shared.items()):
        groups = "1 group has" if len(names) == 1 else f"{len(names):,} groups have"
        yield f"{groups} clips in {named_splits}, so new groups are not measured: {first_few(sorted(names))}"


def clips_of(count: int) -> str:
    """Writes a number of clips as `1 clip` or `3,000 clips`."""
    return f"{count:,} clip{'' if count == 1 else 's'}"

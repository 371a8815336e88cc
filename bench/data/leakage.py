"""Finds what makes a measured accuracy too good: the same audio, or the same speaker, in two splits. It is reported only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

from bench.errors import first_few
from bench.plugins import Split
from bench.plugins.contracts import SPLITS


@dataclass(frozen=True, slots=True)
class ListedClip:
    """What is known of a clip once it is decoded."""

    id: str
    label: str
    split: Split
    group: str
    """Speaker or recording, empty if unknown."""
    digest: str
    """Digest of its audio: equal digests mean equal audio; empty for silence, which is the same everywhere."""
    family: str
    """Name that copies of one recording share, empty for a clip without copies."""
    seconds: float
    """Length before it is cut."""


def leaks(clips: Iterable[ListedClip]) -> tuple[str, ...]:
    """Writes a note for every way in which the training clips give away clips of other splits.

    Clips that should be silent are left out, since silence is the same everywhere.
    """
    audible = [clip for clip in clips if clip.digest]
    return (*_shared_audio(audible), *_contradictions(audible), *_shared_groups(audible))


def _shared_audio(audible: list[ListedClip]) -> Iterable[str]:
    by_family = _by([clip for clip in audible if clip.family], lambda clip: clip.family)
    for first, second in combinations(SPLITS, 2):
        pairs = [
            (_id_in(clips, second), _id_in(clips, first))
            for clips in by_family.values()
            if {first, second} <= {clip.split for clip in clips}
        ]
        if pairs:
            count = sum(
                clip.split == second and any(other.split == first for other in clips)
                for clips in by_family.values()
                for clip in clips
            )
            examples = first_few(f"{of_second} = {of_first}" for of_second, of_first in sorted(pairs))
            verb = "has" if count == 1 else "have"
            yield f"{clips_of(count)} of {second} {verb} the same recording as clips of {first}: {examples}"


def _contradictions(audible: list[ListedClip]) -> Iterable[str]:
    by_digest = _by(audible, lambda clip: clip.digest)
    conflicts = [clips for clips in by_digest.values() if len({clip.label for clip in clips}) > 1]
    if conflicts:
        pairs = (" = ".join(f"{clip.id} ({clip.label})" for clip in clips[:2]) for clips in conflicts)
        count = sum(map(len, conflicts))
        yield f"{clips_of(count)} have the same content under different labels: {first_few(sorted(pairs))}"


def _shared_groups(audible: list[ListedClip]) -> Iterable[str]:
    by_group = _by([clip for clip in audible if clip.group], lambda clip: clip.group)
    shared: dict[str, list[str]] = defaultdict(list)
    for name, clips in by_group.items():
        splits = [split for split in SPLITS if split in {clip.split for clip in clips}]
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


def _by(clips: Iterable[ListedClip], key: Callable[[ListedClip], str]) -> dict[str, list[ListedClip]]:
    grouped: dict[str, list[ListedClip]] = defaultdict(list)
    for clip in clips:
        grouped[key(clip)].append(clip)
    return grouped


def _id_in(clips: Iterable[ListedClip], split: Split) -> str:
    return min(clip.id for clip in clips if clip.split == split)

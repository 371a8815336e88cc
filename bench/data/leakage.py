"""What makes a measured accuracy too good: the same sound, or the same speaker, in two splits. Said, not mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.errors import first_few
from bench.plugins import Clip, Split
from bench.plugins.contracts import SPLITS


@dataclass(frozen=True, slots=True)
class ClipDigest:
    """A clip and the digest of what it holds: equal digests are equal sounds."""

    clip: Clip
    content: str


def leaks(clips: Iterable[ClipDigest]) -> tuple[str, ...]:
    """A line for every way in which training clips tell what other splits ask; none is an empty tuple.

    Clips that should be silent are left out: silence is the same everywhere.
    """
    heard = [clip for clip in clips if not clip.clip.silent]
    return (*_shared_content(heard), *_contradictions(heard), *_shared_groups(heard))


def _shared_content(heard: list[ClipDigest]) -> Iterable[str]:
    holders = _by(heard, lambda clip: clip.content)
    for place, first in enumerate(SPLITS):
        for second in SPLITS[place + 1 :]:
            pairs = [
                (_id_in(clips, second), _id_in(clips, first))
                for clips in holders.values()
                if {first, second} <= {clip.clip.split for clip in clips}
            ]
            if pairs:
                count = sum(
                    clip.clip.split == second and any(other.clip.split == first for other in clips)
                    for clips in holders.values()
                    for clip in clips
                )
                examples = first_few(f"{theirs} = {ours}" for theirs, ours in sorted(pairs))
                verb = "has" if count == 1 else "have"
                yield f"{clips_of(count)} of {second} {verb} the same content as clips of {first}: {examples}"


def _contradictions(heard: list[ClipDigest]) -> Iterable[str]:
    twice = [
        clips for clips in _by(heard, lambda clip: clip.content).values() if len({c.clip.label for c in clips}) > 1
    ]
    if twice:
        examples = first_few(sorted(" = ".join(f"{c.clip.id} ({c.clip.label})" for c in clips[:2]) for clips in twice))
        yield f"{clips_of(sum(map(len, twice)))} have the same content under different labels: {examples}"


def _shared_groups(heard: list[ClipDigest]) -> Iterable[str]:
    known = _by([clip for clip in heard if clip.clip.group is not None], lambda clip: str(clip.clip.group))
    shared: dict[str, list[str]] = defaultdict(list)
    for name, clips in known.items():
        splits = [split for split in SPLITS if split in {clip.clip.split for clip in clips}]
        if len(splits) > 1:
            shared[" and ".join(splits)].append(name)
    for splits_named, names in sorted(shared.items()):
        groups = "1 group has" if len(names) == 1 else f"{len(names):,} groups have"
        yield f"{groups} clips in {splits_named}, so new groups are not measured: {first_few(sorted(names))}"


def clips_of(count: int) -> str:
    """`1 clip`, `3,000 clips`."""
    return f"{count:,} clip{'' if count == 1 else 's'}"


def _by(heard: Iterable[ClipDigest], key: Callable[[ClipDigest], str]) -> dict[str, list[ClipDigest]]:
    found: dict[str, list[ClipDigest]] = defaultdict(list)
    for clip in heard:
        found[key(clip)].append(clip)
    return found


def _id_in(clips: Iterable[ClipDigest], split: Split) -> str:
    return min(clip.clip.id for clip in clips if clip.clip.split == split)

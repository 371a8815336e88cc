"""Finds what makes a measured accuracy too good: the same audio, or the same speaker, in two splits. It is reported only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

from bench.errors import first_few
from bench.plugins import Clip, Split
from bench.plugins.contracts import SPLITS


@dataclass(frozen=True, slots=True)
class ClipDigest:
    """A clip and the digest of its audio: equal digests mean equal audio."""

    clip: Clip
    digest: str


def leaks(clips: Iterable[ClipDigest]) -> tuple[str, ...]:
    """Writes a note for every way in which the training clips give away clips of other splits.

    Clips that should be silent are left out, since silence is the same everywhere.
    """
    audible = [clip for clip in clips if not clip.clip.silent]
    return (*_shared_audio(audible), *_contradictions(audible), *_shared_groups(audible))


def _shared_audio(audible: list[ClipDigest]) -> Iterable[str]:
    by_digest = _by(audible, lambda clip: clip.digest)
    for first, second in combinations(SPLITS, 2):
        pairs = [
            (_id_in(clips, second), _id_in(clips, first))
            for clips in by_digest.values()
            if {first, second} <= {clip.clip.split for clip in clips}
        ]
        if pairs:
            count = sum(
                clip.clip.split == second and any(other.clip.split == first for other in clips)
                for clips in by_digest.values()
                for clip in clips
            )
            examples = first_few(f"{of_second} = {of_first}" for of_second, of_first in sorted(pairs))
            verb = "has" if count == 1 else "have"
            yield f"{clips_of(count)} of {second} {verb} the same content as clips of {first}: {examples}"


def _contradictions(audible: list[ClipDigest]) -> Iterable[str]:
    by_digest = _by(audible, lambda clip: clip.digest)
    conflicts = [clips for clips in by_digest.values() if len({clip.clip.label for clip in clips}) > 1]
    if conflicts:
        pairs = (" = ".join(f"{clip.clip.id} ({clip.clip.label})" for clip in clips[:2]) for clips in conflicts)
        count = sum(map(len, conflicts))
        yield f"{clips_of(count)} have the same content under different labels: {first_few(sorted(pairs))}"


def _shared_groups(audible: list[ClipDigest]) -> Iterable[str]:
    by_group = _by([clip for clip in audible if clip.clip.group is not None], lambda clip: str(clip.clip.group))
    shared: dict[str, list[str]] = defaultdict(list)
    for name, clips in by_group.items():
        splits = [split for split in SPLITS if split in {clip.clip.split for clip in clips}]
        if len(splits) > 1:
            shared[" and ".join(splits)].append(name)
    for named_splits, names in sorted(shared.items()):
        groups = "1 group has" if len(names) == 1 else f"{len(names):,} groups have"
        yield f"{groups} clips in {named_splits}, so new groups are not measured: {first_few(sorted(names))}"


def clips_of(count: int) -> str:
    """Writes a number of clips as `1 clip` or `3,000 clips`."""
    return f"{count:,} clip{'' if count == 1 else 's'}"


def _by(clips: Iterable[ClipDigest], key: Callable[[ClipDigest], str]) -> dict[str, list[ClipDigest]]:
    grouped: dict[str, list[ClipDigest]] = defaultdict(list)
    for clip in clips:
        grouped[key(clip)].append(clip)
    return grouped


def _id_in(clips: Iterable[ClipDigest], split: Split) -> str:
    return min(clip.clip.id for clip in clips if clip.clip.split == split)

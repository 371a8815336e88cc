"""Finds out which clips of a data set hold one recording, by their sound and by what is known of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from bench.data.decoding import DecodedClip
from bench.data.twins import Twins, find_twins
from bench.plugins import Clip


def twins_among(clips: Sequence[DecodedClip], progress: Callable[[int, int], None]) -> Twins:
    """Finds the twins among the clips that are used.

    Stretches of one file that do not overlap are no twins unless their samples are equal: a note or a hum that goes on
    continues its own phase, and is another sound all the same.

    Args:
        clips: The clips, of different ids. Those without a fingerprint are left out.
        progress: Called with how much is done and how much there is.
    """
    of_id = {decoded.clip.id: decoded.clip for decoded in clips}
    fingerprints = [one.fingerprint for one in clips if one.fingerprint is not None and not one.silent_piece]
    return find_twins(
        fingerprints, apart=lambda first, second: _follow_each_other(of_id[first], of_id[second]), progress=progress
    )


def groups_by_sound(groups: Sequence[str], families: Sequence[str]) -> list[str]:
    """Names the groups of clips after their families where a group has one clip: copies of a recording are one recording.

    A speaker, who has several clips, stays a group of his own.

    Args:
        groups: Speaker or recording of every clip, empty if unknown.
        families: Name that copies of one recording share, by clip, empty for a clip without copies.
    """
    clips = Counter(groups)
    return [
        family if family and group and clips[group] == 1 else group
        for group, family in zip(groups, families, strict=True)
    ]


def _follow_each_other(first: Clip, second: Clip) -> bool:
    """Whether two clips are stretches of one file that do not overlap."""
    ends = [math.inf if clip.end is None else clip.end for clip in (first, second)]
    return first.path == second.path and max(first.start, second.start) >= min(ends)

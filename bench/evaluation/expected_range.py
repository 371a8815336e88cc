"""How far a figure may come from what was published of it, if nothing but chance is different."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

EXPLAINED = 0.95


def expected_range(
    published: Sequence[float],
    measured: Sequence[float],
    *,
    of: int | None,
    published_clips: int | None,
    clips: int | None,
    confidence: float = EXPLAINED,
) -> tuple[float, float] | None:
    """Computes where the mean of new seeds lies with 95 % probability, were it the same system: a prediction interval.

    Two sources of chance are known, and the interval is the wider of theirs at either side. A row trained again on the same
    clips differs by its seeds alone; where there are few seeds, or all came out alike, their spread says too little, and
    clips stand in for it, each of which might have come out otherwise:

    - seeds: Student's t about the published mean, with the published seeds' standard deviation s and K - 1 degrees of
      freedom, t s sqrt(1/K + 1/new) (Hahn & Meeker, Statistical Intervals, 1991, section 4.7). With one published seed, s
      is that of the new seeds, which are then the K.
    - clips: the number of right clips of one new network, by the beta-binomial distribution that follows from the
      published share under Jeffreys' prior (Brown, Cai & DasGupta, Statistical Science 16, 2001). It is not narrowed by more
      seeds, since all of them are tested on the same clips. It holds for a score that is a share of clips alone.

    Args:
        published: The figure for every published seed, one at least.
        measured: The figure for every new seed, one at least.
        of: Number of new seeds whose mean is asked about; None for all of `measured`, 1 for each on its own.
        published_clips: Number of clips behind a published seed's figure; None for a figure that is no share of clips.
        clips: Number of clips behind a new seed's figure, likewise.
        confidence: Probability that the range holds the mean.

    Returns:
        Lower and upper end; None if neither source of chance is known.
    """
    from scipy import stats

    mean, new = statistics.fmean(published), of or len(measured)
    ends = []
    varied, others = (published, new) if len(published) > 1 else (measured, 1)
    if len(varied) > 1:
        factor = float(stats.t.ppf((1 + confidence) / 2, len(varied) - 1))
        half = factor * statistics.stdev(varied) * math.sqrt(1 / len(varied) + 1 / others)
        ends.append((mean - half, mean + half))
    if published_clips and clips:
        right = mean * published_clips
        low, high = stats.betabinom(clips, right + 0.5, published_clips - right + 0.5).interval(confidence)
        ends.append((float(low) / clips, float(high) / clips))
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def fitting_count(share: float, clips: int) -> tuple[int, int] | None:
    """Finds what a published share could be of, if it cannot be of so many clips.

    Args:
        share: The share as it was published, rounded; of fewer than 3 decimals anything could be true.
        clips: Number of clips that it is said to be of.

    Returns:
        The number of right clips and of all clips, as near to `clips` as can be; None if the share can be of `clips`.
    """
    decimals = len(repr(share).partition(".")[2])
    if decimals < 3:
        return None
    for distance in range(clips):
        for total in (clips - distance, clips + distance):
            right = round(share * total)
            if total > 0 and round(right / total, decimals) == share:
                return None if distance == 0 else (right, total)
    return None

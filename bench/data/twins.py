"""Finds twins among clips: the same samples, or another copy or another stretch of the same recording.

Candidates share hashes at one offset in time; every hash is looked up in all clips at once. Candidates whose hashes are
alike as a whole are then compared sample by sample: by the cross-correlation r of the signs of their whitened waveforms,
over what they share. Two conditions make them twins: r is at least SIMILARITY, and at least EVIDENCE standard deviations of
what unrelated sounds of the same spectra would show (Bartlett, Some aspects of the time-correlation problem in regard to
tests of significance, 1935). The second keeps apart what is alike because it is simple: tones of one pitch, short clicks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.data.fingerprints import HOP, KEY_BITS, RATE, ClipFingerprint

SIMILARITY = 0.4
"""Least correlation of signs, -1 to 1. By the arcsine law it is that of waveforms whose correlation is 0.59."""
EVIDENCE = 5.5
"""Least correlation in standard deviations. Among 63,000 candidates of 20,000 words, chance reached 5.2 once."""
REACH = 5
"""Frames by which the offset of a candidate may be wrong."""
CROWD = 32
"""Most entries of the index that one hash is compared with. Sounds that thousands of clips share are compared in a chain."""
VOTES = 2
"""Hashes that two clips must share at one offset to be compared."""
DISTANCE = 0.22
"""Largest share of bits in which the hashes of two clips may differ, where both are audible, to be compared."""
LOOKED_UP = 1 << 17
"""Hashes that are looked up at once, which bounds the memory."""

Progress = Callable[[int, int], None]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Twin:
    """Two clips that hold the same recording, or parts of it."""

    first: str
    second: str
    """Ids of the clips, in alphabetical order."""
    same_samples: bool
    """Whether their samples are equal, all of them."""
    shift: float = 0.0
    """Seconds by which the shared sound comes later in the second clip than in the first."""
    shared: float = 0.0
    """Seconds that the clips share, pauses included."""
    whole: bool = True
    """Whether what is audible in one is audible in the other: neither has sound of its own."""
    correlation: float = 1.0
    """Of the signs of their whitened waveforms, SIMILARITY to 1."""

    @property
    def evidence(self) -> str:
        """What the clips have in common, in a few words."""
        if self.same_samples:
            return "same samples"
        shifted = f", shifted by {abs(self.shift):.2f} s" if abs(self.shift) >= 0.005 else ""
        return f"same recording{shifted}" if self.whole else f"same recording, {self.shared:.2f} s shared"


@dataclass(frozen=True)
class Twins:
    """All twins that were found."""

    pairs: tuple[Twin, ...]
    """Sorted by ids. Of many copies of one recording not every pair is in it, but enough to connect them."""

    @cached_property
    def _families(self) -> tuple[tuple[str, ...], ...]:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ids = sorted({id for pair in self.pairs for id in (pair.first, pair.second)})
        position = {id: index for index, id in enumerate(ids)}
        edges = np.array([(position[pair.first], position[pair.second]) for pair in self.pairs], np.int64).reshape(
            -1, 2
        )
        ones = np.ones(len(edges), np.int8)
        _, component = connected_components(coo_array((ones, edges.T), shape=(len(ids), len(ids))), directed=False)
        families: dict[int, list[str]] = defaultdict(list)
        for id, number in zip(ids, component, strict=True):
            families[int(number)].append(id)
        return tuple(sorted(map(tuple, families.values())))

    def families(self) -> tuple[tuple[str, ...], ...]:
        """The sets of clips that twins connect, each sorted, none of a single clip; the clips' order does not matter."""
        return self._families

    def names(self) -> dict[str, str]:
        """The name that the clips of a family share, which is the id of the first of them, by the id of every clip."""
        return {clip: family[0] for family in self._families for clip in family}

    def twins_in(self, known: Collection[str]) -> frozenset[str]:
        """Ids of the clips outside `known` whose family has a clip in it, as those of a test that training gives away."""
        known = set(known)
        return frozenset(
            clip for family in self._families if not known.isdisjoint(family) for clip in family if clip not in known
        )

    def twin_of(self, clip: str, known: Collection[str]) -> str:
        """Names a clip of `known` in the family of another, with what both have in common if they were compared."""
        for pair in self.pairs:
            if clip in (pair.first, pair.second):
                other = pair.second if clip == pair.first else pair.first
                if other in known:
                    return f"{other} ({pair.evidence})"
        return next(other for family in self._families if clip in family for other in family if other in known)


def find_twins(
    clips: Sequence[ClipFingerprint],
    *,
    apart: Callable[[str, str], bool] = lambda first, second: False,
    progress: Progress | None = None,
) -> Twins:
    """Finds the twins among clips. Silence is no twin of silence.

    The result does not depend on the order of the clips.

    Args:
        clips: The fingerprints, of different ids.
        apart: Tells of the ids of two clips whether they are known to be twins only if their samples are equal.
        progress: Called with how much is done and how much there is.
    """
    by_digest: dict[str, list[ClipFingerprint]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: clip.clip):
        if clip.hashes.any():
            by_digest[clip.digest].append(clip)
    distinct = [same[0] for same in by_digest.values()]
    pairs = [
        Twin(same[0].clip, other.clip, same_samples=True, shared=other.seconds)
        for same in by_digest.values()
        for other in same[1:]
    ]
    pairs.extend(_confirmed(distinct, apart, progress or (lambda done, total: None)))
    return Twins(tuple(sorted(pairs, key=lambda pair: (pair.first, pair.second))))


def _confirmed(
    clips: Sequence[ClipFingerprint], apart: Callable[[str, str], bool], progress: Progress
) -> Iterator[Twin]:
    """Compares the candidates, but for those that are known to hold one recording as a whole.

    One after another: threads would be slower, since each of many small steps would wait for the interpreter.
    """
    same_as = list(range(len(clips)))

    def root(clip: int) -> int:
        while same_as[clip] != clip:
            same_as[clip] = clip = same_as[same_as[clip]]
        return clip

    for first, second, offset in _candidates(clips, progress):
        if root(first) == root(second) or apart(clips[first].clip, clips[second].clip):
            continue
        if twin := compare_clips(clips[first], clips[second], offset=offset):
            if twin.whole:
                same_as[root(second)] = root(first)
            yield twin


def _candidates(clips: Sequence[ClipFingerprint], progress: Progress) -> Iterator[tuple[int, int, int]]:
    """Pairs of positions of clips whose hashes are alike, and the frames by which they come later in the second."""
    hashes = np.concatenate([np.zeros(0, np.uint32), *(clip.hashes for clip in clips)])
    begins = np.concatenate([[0], np.cumsum([len(clip.hashes) for clip in clips])]).astype(np.int64)
    audible = np.flatnonzero(hashes)
    keys = (hashes[audible] & np.uint32((1 << KEY_BITS) - 1)).astype(np.uint64) << np.uint64(32)
    owners = np.searchsorted(begins, audible, side="right") - 1
    frames = audible - begins[owners]
    codes = keys | owners.astype(np.uint64)  # sorted by key, then by clip
    order = np.argsort(codes, kind="stable")
    index = codes[order]
    start = 0
    while start < len(codes):
        # Whole clips, since the votes of a pair are counted within a block.
        end = int(np.searchsorted(owners, owners[min(start + LOOKED_UP, len(codes)) - 1], side="right"))
        block = codes[start:end]
        first = np.searchsorted(index, block, side="right")  # entries of later clips alone
        counts = np.minimum(np.searchsorted(index, block | np.uint64(0xFFFFFFFF), side="right") - first, CROWD)
        query = np.repeat(np.arange(start, end), counts)
        entry = order[np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())]
        voted = _most_voted(owners[query], owners[entry], frames[entry] - frames[query])
        alike = _distances(hashes, begins, *voted) <= DISTANCE
        yield from zip(*(positions[alike].tolist() for positions in voted), strict=True)
        progress(end, len(codes))
        start = end


def _most_voted(first: Positions, second: Positions, offset: Positions) -> tuple[Positions, Positions, Positions]:
    """Of every pair of clips the offset with most votes, the next to it counted in, if they are enough."""
    order = np.lexsort((offset, second, first))
    votes_of = np.stack([first, second, offset])[:, order]
    changes = np.diff(votes_of, axis=1)
    begins = np.flatnonzero(np.r_[True, changes.any(axis=0)][: len(order)])
    distinct, votes = votes_of[:, begins], np.diff(np.r_[begins, len(order)])
    steps = np.diff(distinct, axis=1)
    next_to_it = (steps[0] == 0) & (steps[1] == 0) & (steps[2] == 1)
    votes[:-1] += np.where(next_to_it, votes[1:], 0)
    enough = np.flatnonzero(votes >= VOTES)
    best = enough[np.lexsort((-votes[enough], *distinct[1::-1, enough]))]
    leads = np.r_[True, np.diff(distinct[:2, best], axis=1).any(axis=0)][: len(best)]
    first, second, offset = distinct[:, best[leads]]
    return first, second, offset


def _distances(
    hashes: NDArray[np.uint32], begins: Positions, first: Positions, second: Positions, offset: Positions
) -> NDArray[np.float64]:
    """Share of bits, 0 to 1, in which the hashes of pairs of clips differ at an offset, where both are audible, [pairs]."""
    start = np.maximum(0, -offset)
    length = np.minimum(np.diff(begins)[first] - start, np.diff(begins)[second] - start - offset)
    pair = np.repeat(np.arange(len(first)), length)
    frame = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length - start, length)
    one, other = hashes[begins[first][pair] + frame], hashes[begins[second][pair] + frame + offset[pair]]
    both = (one != 0) & (other != 0)
    different = np.bitwise_count(one ^ other) * both
    counted = np.bincount(pair, both, len(first))
    distances: NDArray[np.float64] = np.bincount(pair, different, len(first)) / (32 * np.maximum(counted, 1))
    return distances


def compare_clips(first: ClipFingerprint, second: ClipFingerprint, *, offset: int) -> Twin | None:
    """Compares two clips sample by sample.

    Args:
        first: A clip.
        second: Another.
        offset: Frames by which the same sound may come later in the second, give or take REACH.

    Returns:
        What they share, or None if they are no twins.
    """
    from scipy import fft

    a, b = _audible_signs(first), _audible_signs(second)
    size = fft.next_fast_len(max(len(a), len(b)), real=True)
    correlations = fft.irfft(np.conj(fft.rfft(a, size)) * fft.rfft(b, size), size)  # circular, in half the time
    lags = np.arange((offset - REACH) * HOP, (offset + REACH) * HOP + 1)
    lag = int(lags[np.argmax(correlations[lags % size])])
    of_a, of_b = _shared(a, b, lag)
    audible_in_both = float(np.abs(of_a) @ np.abs(of_b))
    if audible_in_both < 1:
        return None
    correlation = float(of_a @ of_b) / audible_in_both
    if correlation < SIMILARITY or correlation < EVIDENCE * _deviation(of_a * np.abs(of_b), of_b * np.abs(of_a)):
        return None
    return Twin(
        min(first.clip, second.clip),
        max(first.clip, second.clip),
        same_samples=False,
        shift=(lag if first.clip <= second.clip else -lag) / RATE,
        shared=len(of_a) / RATE,
        whole=audible_in_both >= 0.9 * max(float(np.abs(a).sum()), float(np.abs(b).sum())),
        correlation=round(correlation, 3),
    )


def _deviation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Standard deviation that the correlation of two waveforms of one length would have if they were unrelated.

    Bartlett's variance sums the product of both autocorrelations over all lags, which is the sum of the squared
    cross-correlation, and by Parseval that of the product of both power spectra.
    """
    from scipy import fft

    size = fft.next_fast_len(2 * len(a), real=True)
    cross = fft.irfft(np.conj(fft.rfft(a, size)) * fft.rfft(b, size), size)
    return float(np.sqrt(float(cross @ cross) / float(np.abs(a).sum()) ** 3))


def _shared(
    a: NDArray[np.float32], b: NDArray[np.float32], lag: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The stretches of two waveforms that lie side by side where sound comes `lag` samples later in the second."""
    length = max(0, min(len(a) - max(0, -lag), len(b) - max(0, lag)))
    return a[max(0, -lag) :][:length], b[max(0, lag) :][:length]


def _audible_signs(clip: ClipFingerprint) -> NDArray[np.float32]:
    """Signs as -1 and 1, [samples]; 0 where nothing is audible."""
    signs = np.unpackbits(clip.signs)[: len(clip.hashes) * HOP].astype(np.float32) * 2 - 1
    audible = np.repeat(clip.hashes != 0, HOP)[: len(signs)]
    waveform: NDArray[np.float32] = signs * audible
    return waveform

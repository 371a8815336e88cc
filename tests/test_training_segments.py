"""Segments of clips, checked against a loop over every start."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.training.device_clips import DeviceClips
from bench.training.segments import RandomSegments, Segments, consecutive, segment_counts, vote


def clips_of(lengths: list[int], targets: list[int], seed: int = 0, *, loudest: int = 9999) -> DeviceClips:
    """Noise, one clip twice as quiet as the one before it, padded with zeros to the longest."""
    draws = torch.Generator().manual_seed(seed)
    samples = torch.zeros(len(lengths), max(lengths), dtype=torch.int16)
    for clip, length in enumerate(lengths):
        top = max(1, loudest >> (clip % 3))
        samples[clip, :length] = torch.randint(-top, top + 1, (length,), generator=draws).short()
    return DeviceClips(
        ids=tuple(f"clip{clip}" for clip in range(len(lengths))),
        groups=("",) * len(lengths),
        targets=torch.tensor(targets),
        samples=samples,
        lengths=torch.tensor(lengths),
    )


def loudest_of(clips: DeviceClips, clip: int, start: int, width: int) -> int:
    return int(clips.samples[clip, start : start + width].int().abs().max())


def drawn(clips: DeviceClips, width: int, number: int, *, peak: float = 0.0, equal: bool = False) -> Segments:
    segments = RandomSegments(clips, width, peak=peak, equal_classes=equal)
    return segments.draw(number, torch.Generator().manual_seed(1))


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    width=st.integers(1, 12),
    peak=st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.999]),
    seed=st.integers(0, 50),
)
@settings(deadline=None, max_examples=80)
def test_exactly_the_starts_that_are_loud_enough_are_drawn(
    lengths: list[int], width: int, peak: float, seed: int
) -> None:
    targets = [clip % 2 for clip in range(len(lengths))]
    clips = clips_of(lengths, targets, seed, loudest=20)
    of_class = [
        max((loudest_of(clips, c, 0, length) for c, length in enumerate(lengths) if targets[c] == target), default=0)
        for target in (0, 1)
    ]
    allowed = {
        (clip, start)
        for clip, length in enumerate(lengths)
        for start in range(max(1, length - width + 1))
        if loudest_of(clips, clip, start, width) >= peak * of_class[targets[clip]]
    }
    segments = drawn(clips, width, 3000, peak=peak)
    pairs = set(zip(segments.clip.tolist(), segments.start.tolist(), strict=True))
    assert pairs <= allowed
    if peak > 0:  # at 0 a clip's share goes by its length: rare starts may not come up
        assert len(allowed) > 60 or pairs == allowed


def test_clips_are_drawn_by_their_length_or_classes_with_equal_probability() -> None:
    clips = clips_of([3000, 1000, 100], [0, 1, 1])
    by_length = torch.bincount(drawn(clips, 100, 40_000).clip, minlength=3) / 40_000
    torch.testing.assert_close(by_length, torch.tensor([3000, 1000, 100]) / 4100, atol=0.01, rtol=0)
    by_class = torch.bincount(drawn(clips, 100, 40_000, equal=True).targets) / 40_000
    torch.testing.assert_close(by_class, torch.tensor([0.5, 0.5]), atol=0.01, rtol=0)


def test_starts_are_spread_evenly_over_a_clip() -> None:
    starts = drawn(clips_of([1000], [0]), 200, 20_000).start
    assert starts.min() == 0 and starts.max() == 800
    torch.testing.assert_close(starts.float().mean(), torch.tensor(400.0), atol=8, rtol=0)


def test_a_segment_holds_its_samples_and_zeros_after_a_short_clip() -> None:
    clips = clips_of([50, 10], [0, 1])
    segments = Segments(clips, 20, clip=torch.tensor([0, 1]), start=torch.tensor([30, 0]))
    first, second = segments.waveforms(slice(None))
    assert torch.equal(first, clips.samples[0, 30:50].float() / 32768)
    assert torch.equal(second[:10], clips.samples[1, :10].float() / 32768) and second[10:].abs().max() == 0
    longer = Segments(clips, 70, clip=torch.tensor([0]), start=torch.tensor([0])).waveforms(slice(None))
    assert longer.shape == (1, 70) and longer[0, 50:].abs().max() == 0


def test_the_lowest_sample_and_silence_are_no_trouble() -> None:
    clips = clips_of([40, 40], [0, 1])
    clips.samples[0] = 0
    clips.samples[0, 7] = -32768
    clips.samples[1] = 0
    segments = drawn(clips, 10, 500, peak=0.9)
    assert set(segments.start[segments.clip == 0].tolist()) == set(range(8))
    assert (segments.clip == 1).any(), "a silent class is drawn all the same"


def test_consecutive_segments_keep_a_last_one_that_is_half_there() -> None:
    assert segment_counts(torch.tensor([1, 9, 10, 14, 15, 20, 25]), 10).tolist() == [1, 1, 1, 1, 2, 2, 3]
    clips = clips_of([25, 14, 3], [0, 1, 0])
    segments = consecutive(clips, 10, peak=0.0)
    assert list(zip(segments.clip.tolist(), segments.start.tolist(), strict=True)) == [
        (0, 0),
        (0, 10),
        (0, 20),
        (1, 0),
        (2, 0),
    ]
    waveforms = segments.waveforms(slice(None))
    assert torch.equal(waveforms[2, :5], clips.samples[0, 20:25].float() / 32768)
    assert waveforms[2, 5:].abs().max() == 0
    assert torch.equal(segments.waveforms(torch.tensor([2, 0])), waveforms[[2, 0]])


def test_quiet_segments_are_left_out_and_never_all_of_a_clip() -> None:
    clips = clips_of([30, 30], [0, 1])
    clips.samples.fill_(0)
    clips.samples[0, [5, 15, 25]] = torch.tensor([1000, 400, -600], dtype=torch.int16)
    segments = consecutive(clips, 10, peak=0.5)
    assert segments.start[segments.clip == 0].tolist() == [0, 20]
    assert segments.start[segments.clip == 1].tolist() == [0, 10, 20], "silence is as loud as its loudest"


def test_segments_vote_by_the_mean_of_their_probabilities() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    torch.testing.assert_close(
        vote(probabilities, torch.tensor([0, 0, 1]), 2), torch.tensor([[0.55, 0.45], [0.3, 0.7]])
    )


@pytest.mark.parametrize("equal", [True, False])
def test_the_same_generator_draws_the_same_segments(equal: bool) -> None:
    clips = clips_of([500, 300], [0, 1])
    one, other = drawn(clips, 50, 40, peak=0.5, equal=equal), drawn(clips, 50, 40, peak=0.5, equal=equal)
    assert torch.equal(one.start, other.start) and torch.equal(one.clip, other.clip)

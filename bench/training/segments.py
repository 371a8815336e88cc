"""Segments of clips: drawn at random for training, consecutive for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from bench.training.augmentation import shift
from bench.training.device_clips import FULL_SCALE, ClipSource, DeviceClips

CLIPS_AT_ONCE = 16
"""Clips that are searched for loud samples at a time."""


@dataclass(frozen=True)
class Segments:
    """Stretches of one length in clips, in the order of `clip`."""

    clips: DeviceClips
    width: int
    """Samples of every segment."""
    clip: Tensor
    """Clip of every segment, int64 [segments]."""
    start: Tensor
    """First sample of every segment in its clip, int64 [segments]."""
    overhang: bool = False
    """Whether any segment ends after its clip's samples, where zeros follow."""
    source: ClipSource | None = None
    """The file the clips were read from; None for segments that are drawn."""

    @property
    def targets(self) -> Tensor:
        """Class of every segment, int64 [segments]."""
        return self.clips.targets[self.clip]

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """Returns the segments at `index` as float32 [B, width] in -1..1."""
        clip, start = self.clip[index], self.start[index]
        taken = min(self.width, self.clips.width)
        first = start.clamp_max(self.clips.width - taken)
        cut = functional.pad(self.clips.stretches(clip, first, taken), (0, self.width - taken))
        return shift(cut, (first - start).cpu()) if self.overhang else cut


def segment_counts(lengths: Tensor, width: int) -> Tensor:
    """Number of consecutive segments in clips of `lengths` samples, at least one; the last may lack up to a half."""
    return ((2 * lengths + width) // (2 * width)).clamp_min(1)


def consecutive(clips: DeviceClips, width: int, *, peak: float) -> Segments:
    """Cuts clips into the segments that they are evaluated by; every clip has at least one.

    Args:
        clips: The clips.
        width: Samples of every segment.
        peak: Share of the loudest sample of its clip that a segment's loudest must reach, 0 to 1; others are left out.
    """
    counts = segment_counts(clips.lengths, width)
    clip = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    number_in_clip = torch.arange(len(clip), device=clip.device) - (counts.cumsum(0) - counts)[clip]
    start = number_in_clip * width
    source = clips.source and replace(clips.source, cut=f"segments of {width} from {peak}")
    segments = Segments(clips, width, clip, start, bool((start > max(0, clips.width - width)).any()), source)
    if peak == 0:
        return segments
    chunks = (slice(first, first + CLIPS_AT_ONCE) for first in range(0, len(clip), CLIPS_AT_ONCE))
    loudest = torch.cat([segments.waveforms(chunk).abs().amax(1) for chunk in chunks])
    of_clip = torch.zeros(len(counts), device=clip.device).scatter_reduce(0, clip, loudest, "amax")
    loud = loudest >= peak * of_clip[clip]
    return Segments(clips, width, clip[loud], start[loud], segments.overhang, source)


def vote(probabilities: Tensor, clip: Tensor, clips: int) -> Tensor:
    """Averages the probabilities of segments over each clip.

    Args:
        probabilities: float32 [segments, classes] on the CPU.
        clip: Clip of every segment, int64 [segments].
        clips: Number of clips.

    Returns:
        float32 [clips, classes].
    """
    total = torch.zeros(clips, probabilities.shape[1]).index_add_(0, clip, probabilities)
    return total / torch.bincount(clip, minlength=clips)[:, None]


class RandomSegments:
    """Draws segments of training clips, each from a single clip and loud enough.

    A clip is drawn with a probability by its length, as if all audio were one recording, and then a start in it. The starts
    that are loud enough are determined once, as stretches of neighbouring starts, so that no draw has to be repeated.
    """

    def __init__(self, clips: DeviceClips, width: int, *, peak: float, equal_classes: bool) -> None:
        """Determines the starts that are loud enough.

        Args:
            clips: The training clips.
            width: Samples of every segment.
            peak: Share of the loudest sample of its class that a segment's loudest must reach, 0 to 1.
            equal_classes: Whether classes are drawn with equal probability.
        """
        self._clips = clips
        self._width = width
        lengths = clips.lengths.cpu().clamp_min(1)
        starts = (lengths - width + 1).clamp_min(1)
        self._clip, self._first, self._count = _loud_stretches(clips, width, starts, peak)
        weight = (lengths / starts)[self._clip].double() * self._count
        target = clips.targets.cpu()[self._clip]
        self.amounts = torch.zeros(int(target.max()) + 1, dtype=torch.float64).index_add_(0, target, weight)
        """Relative frequency with which every class is drawn, in no unit, float64 [classes]."""
        if equal_classes:
            weight = weight / self.amounts[target]
        self._weight = weight
        self._ends = weight.cumsum(0)

    def draw(self, segments: int, generator: torch.Generator) -> Segments:
        """Draws a number of segments, independent of each other."""
        drawn = torch.rand(segments, generator=generator, dtype=torch.float64) * self._ends[-1]
        stretch = torch.searchsorted(self._ends, drawn, right=True).clamp_max(len(self._ends) - 1)
        inside = 1 - (self._ends[stretch] - drawn) / self._weight[stretch]
        offset = (inside * self._count[stretch]).long().clamp_min(0)
        start = self._first[stretch] + torch.minimum(offset, self._count[stretch] - 1)
        device = self._clips.targets.device
        return Segments(self._clips, self._width, self._clip[stretch].to(device), start.to(device))


def _loud_stretches(clips: DeviceClips, width: int, starts: Tensor, peak: float) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the stretches of starts from which a segment holds a sample that is loud enough.

    Every class has a stretch, since the loudest sample of a class is loud enough itself.

    Args:
        clips: The clips.
        width: Samples of a segment.
        starts: Number of possible starts in every clip, int64 [clips].
        peak: See `RandomSegments`.

    Returns:
        Clip, first start and number of starts of every stretch, each int64 [stretches] on the CPU.
    """
    if peak == 0:
        return torch.arange(len(starts)), torch.zeros_like(starts), starts
    threshold = _thresholds(clips, peak)
    taken = min(width, clips.width)
    start = torch.arange(clips.width - taken + 1, device=threshold.device)
    stretches = []
    for first_clip in range(0, len(starts), CLIPS_AT_ONCE):
        chunk = slice(first_clip, first_clip + CLIPS_AT_ONCE)
        samples, least = clips.int16_samples(chunk), threshold[chunk, None]
        loud_before = functional.pad(((samples >= least) | (samples <= -least)).cumsum(1, dtype=torch.int32), (1, 0))
        usable = loud_before[:, taken:] > loud_before[:, : len(start)]
        usable &= start < starts[chunk, None].to(start.device)
        edges = functional.pad(usable.to(torch.int8), (1, 1)).diff(dim=1)
        first, last = (edges == 1).nonzero().cpu(), (edges == -1).nonzero().cpu()
        stretches.append(torch.stack([first_clip + first[:, 0], first[:, 1], last[:, 1] - first[:, 1]]))
    clip, first_start, count = torch.cat(stretches, dim=1)
    return clip, first_start, count


def _thresholds(clips: DeviceClips, peak: float) -> Tensor:
    """The least absolute sample of every clip that is loud enough, int16 [clips]."""
    chunks = range(0, len(clips.targets), CLIPS_AT_ONCE)
    loudest = torch.cat(
        [clips.int16_samples(slice(first, first + CLIPS_AT_ONCE)).int().abs().amax(dim=1) for first in chunks]
    ).float()
    classes = int(clips.targets.max()) + 1
    of_class = torch.zeros(classes, device=loudest.device).scatter_reduce(0, clips.targets, loudest, "amax")
    return (peak * of_class).ceil().clamp_max(FULL_SCALE - 1).short()[clips.targets]

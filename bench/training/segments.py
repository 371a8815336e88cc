"""Segments of clips: drawn at random for training, one after another for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from bench.training.augmentation import shift
from bench.training.device_clips import FULL_SCALE, DeviceClips, Origin

CHUNK = 16
"""Clips that are searched for loud samples at a time."""


@dataclass(frozen=True)
class Segments:
    """Stretches of one length in clips, in the order of `clip`."""

    clips: DeviceClips
    width: int
    """Samples of every segment."""
    clip: Tensor
    """int64 [segments]: the clip that it is of."""
    start: Tensor
    """int64 [segments]: its first sample in the clip."""
    overhang: bool = False
    """Whether any ends after its clip's samples; zeros follow there."""
    origin: Origin | None = None
    """None for segments that are drawn."""

    @property
    def targets(self) -> Tensor:
        """int64 [segments]."""
        return self.clips.targets[self.clip]

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """float32 [B, width] in -1..1 of the segments at `index`."""
        clip, start = self.clip[index], self.start[index]
        taken = min(self.width, self.clips.width)
        first = start.clamp_max(self.clips.width - taken)
        cut = functional.pad(self.clips.stretches(clip, first, taken), (0, self.width - taken))
        return shift(cut, (first - start).cpu()) if self.overhang else cut


def segment_counts(lengths: Tensor, width: int) -> Tensor:
    """Consecutive segments of clips of so many samples: the last may lack up to its half, and there is always one."""
    return ((2 * lengths + width) // (2 * width)).clamp_min(1)


def consecutive(clips: DeviceClips, width: int, *, peak: float) -> Segments:
    """The segments that clips are evaluated by: those whose loudest sample reaches `peak` (0 to 1) of the loudest that the
    segments of the same clip hold. Every clip has one at least."""
    counts = segment_counts(clips.lengths, width)
    clip = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    place = torch.arange(len(clip), device=clip.device) - (counts.cumsum(0) - counts)[clip]
    start = place * width
    origin = clips.origin and replace(clips.origin, cut=f"segments of {width} from {peak}")
    every = Segments(clips, width, clip, start, bool((start > max(0, clips.width - width)).any()), origin)
    if peak == 0:
        return every
    pieces = [every.waveforms(slice(at, at + CHUNK)).abs().amax(1) for at in range(0, len(clip), CHUNK)]
    loudest = torch.cat(pieces)
    of_clip = torch.zeros(len(counts), device=clip.device).scatter_reduce(0, clip, loudest, "amax")
    kept = loudest >= peak * of_clip[clip]
    return Segments(clips, width, clip[kept], start[kept], every.overhang, origin)


def vote(probabilities: Tensor, clip: Tensor, clips: int) -> Tensor:
    """Mean of the segments' probabilities [segments, classes] over each of the clips, [clips, classes]."""
    total = torch.zeros(clips, probabilities.shape[1]).index_add_(0, clip, probabilities)
    return total / torch.bincount(clip, minlength=clips)[:, None]


class RandomSegments:
    """Draws segments of training clips: a clip by its length, as if all audio were one recording, and in it a start at
    random, kept only where the segment is loud enough. No segment spans two clips.

    Which starts are loud enough is found out once, as stretches of neighbouring starts, so that drawing never has to be
    repeated.
    """

    def __init__(self, clips: DeviceClips, width: int, *, peak: float, equal_classes: bool) -> None:
        """`peak`: share of the loudest sample of the class that a segment's loudest must reach, 0 to 1."""
        self._clips = clips
        self._width = width
        lengths = clips.lengths.cpu().clamp_min(1)
        starts = (lengths - width + 1).clamp_min(1)
        self._clip, self._first, self._count = _loud_stretches(clips, width, starts, peak)
        weight = (lengths / starts)[self._clip].double() * self._count
        target = clips.targets.cpu()[self._clip]
        self.amounts = torch.zeros(int(target.max()) + 1, dtype=torch.float64).index_add_(0, target, weight)
        """How often every class is drawn, in no unit, float64 [classes]."""
        if equal_classes:
            weight = weight / self.amounts[target]
        self._weight = weight
        self._ends = weight.cumsum(0)

    def draw(self, segments: int, generator: torch.Generator) -> Segments:
        """So many segments, independent of each other."""
        drawn = torch.rand(segments, generator=generator, dtype=torch.float64) * self._ends[-1]
        place = torch.searchsorted(self._ends, drawn, right=True).clamp_max(len(self._ends) - 1)
        inside = 1 - (self._ends[place] - drawn) / self._weight[place]
        offset = (inside * self._count[place]).long().clamp_min(0)
        start = self._first[place] + torch.minimum(offset, self._count[place] - 1)
        device = self._clips.targets.device
        return Segments(self._clips, self._width, self._clip[place].to(device), start.to(device))


def _loud_stretches(clips: DeviceClips, width: int, starts: Tensor, peak: float) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches of starts from which a segment holds a sample that is loud enough: clip, first start, number of starts.

    `starts`: of every clip, how many there are, int64 [clips]. The loudest sample of a class is loud enough itself, so every
    class has a stretch.
    """
    if peak == 0:
        return torch.arange(len(starts)), torch.zeros_like(starts), starts
    threshold = _thresholds(clips, peak)
    taken = min(width, clips.width)
    start = torch.arange(clips.width - taken + 1, device=threshold.device)
    found = []
    for at in range(0, len(starts), CHUNK):
        chunk = slice(at, at + CHUNK)
        samples, least = clips.rows(chunk), threshold[chunk, None]
        loud_before = functional.pad(((samples >= least) | (samples <= -least)).cumsum(1, dtype=torch.int32), (1, 0))
        usable = loud_before[:, taken:] > loud_before[:, : len(start)]
        usable &= start < starts[chunk, None].to(start.device)
        edges = functional.pad(usable.to(torch.int8), (1, 1)).diff(dim=1)
        first, last = (edges == 1).nonzero().cpu(), (edges == -1).nonzero().cpu()
        found.append(torch.stack([at + first[:, 0], first[:, 1], last[:, 1] - first[:, 1]]))
    clip, first_start, count = torch.cat(found, dim=1)
    return clip, first_start, count


def _thresholds(clips: DeviceClips, peak: float) -> Tensor:
    """The least absolute sample of every clip that is loud enough, int16 [clips]."""
    low, high = clips.samples.aminmax(dim=1)
    loudest = torch.maximum(high.int(), -low.int()).float().to(clips.targets.device)
    classes = int(clips.targets.max()) + 1
    of_class = torch.zeros(classes, device=loudest.device).scatter_reduce(0, clips.targets, loudest, "amax")
    return (peak * of_class).ceil().clamp_max(FULL_SCALE - 1).short()[clips.targets]

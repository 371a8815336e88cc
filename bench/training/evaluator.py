"""What a network says of a split: of whole clips, of clips of their own lengths, or of segments that vote for their clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.plugins import TrainingSettings
from bench.training.batches import input_samples
from bench.training.device import autocast, fastest_layout
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.inputs import Inputs, OwnLengthInputs, own_lengths
from bench.training.prefetch import prefetch
from bench.training.segments import consecutive, vote

CLIPS_AT_ONCE = 256
SEGMENTS_AT_ONCE = 64
"""Clips of their own lengths, too: they can be long."""


@dataclass(frozen=True)
class Outputs:
    """What the network said of every example of a split, and by it of every clip."""

    logits: Tensor
    """float32 [examples, classes]: of clips, or of segments."""
    probabilities: Tensor
    """float32 [clips, classes] on the CPU; the mean over its segments where a clip has been cut into some."""
    segment_clip: Tensor | None
    """int64 [segments] on the CPU: the clip of every segment; None where clips are whole."""


class Evaluator:
    """A split as networks are evaluated on it. Its features are computed once, unless `keep` is False."""

    def __init__(
        self, clips: DeviceClips, front_end: FrontEnd, settings: TrainingSettings, *, keep: bool = True
    ) -> None:
        self._inputs: Inputs | OwnLengthInputs
        self._segment_clip: Tensor | None = None
        self._clips = len(clips.targets)
        if settings.segment_seconds is not None:
            width = input_samples(settings, sample_rate=front_end.feature.sample_rate, seconds=0.0)
            segments = consecutive(clips, width, peak=settings.segment_peak)
            self._segment_clip = segments.clip.cpu()
            self._order = torch.arange(len(segments.clip), device=clips.targets.device)
            self._inputs = Inputs(segments, front_end, None, keep=keep)
            self._at_once = SEGMENTS_AT_ONCE
        elif settings.lengths == "own":
            self._order = own_lengths(clips).argsort(stable=True)
            self._inputs = OwnLengthInputs(clips, front_end, None, keep=keep)
            self._at_once = SEGMENTS_AT_ONCE
        else:
            self._order = torch.arange(self._clips, device=clips.targets.device)
            self._inputs = Inputs(clips, front_end, None, keep=keep)
            self._at_once = CLIPS_AT_ONCE
        self._ahead = clips.ahead and not self._inputs.kept

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> Outputs:
        """The network's answers, in evaluation mode. What it says of a clip does not depend on the other clips."""
        network.eval()
        in_order = torch.cat(list(self._batches(network))).float()
        logits = torch.empty_like(in_order)
        logits[self._order] = in_order
        probabilities = logits.softmax(dim=1).cpu()
        if self._segment_clip is not None:
            probabilities = vote(probabilities, self._segment_clip, self._clips)
        return Outputs(logits, probabilities, self._segment_clip)

    def _batches(self, network: nn.Module) -> Iterator[Tensor]:
        device = next(network.parameters()).device
        every = (self._inputs(index) for index in torch.split(self._order, self._at_once))
        for features, *lengths in prefetch(every) if self._ahead else every:  # outside autocast: they are float32
            with autocast(device):
                yield network(fastest_layout(features), *lengths)

"""Evaluates networks on a split: on whole clips, on clips of their own lengths, or on segments that vote for their clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.plugins import TrainingSettings
from bench.plugins.networks import logits_of
from bench.training.batches import input_samples
from bench.training.device import autocast, fastest_layout
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.inputs import Inputs, OwnLengthInputs, own_lengths
from bench.training.prefetch import prefetch
from bench.training.segments import consecutive, vote

CLIP_BATCH = 256
SEGMENT_BATCH = 64
"""Batch size for segments, and for clips of their own lengths, which can be long."""


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network for a split."""

    logits: Tensor
    """Logits of every clip or segment, float32 [examples, classes]."""
    probabilities: Tensor
    """Probabilities of every clip, float32 [clips, classes] on the CPU; for segments, the mean over those of the clip."""
    segment_clip: Tensor | None
    """Clip of every segment, int64 [segments] on the CPU; None if clips are whole."""


class Evaluator:
    """Evaluates networks on one split."""

    def __init__(
        self,
        clips: DeviceClips,
        front_end: FrontEnd,
        settings: TrainingSettings,
        *,
        classes: int,
        cache: bool = True,
    ) -> None:
        """Computes the features of the split.

        Args:
            clips: The clips of the split.
            front_end: Computes the network's inputs.
            settings: How clips are cut, as in training.
            classes: Number of classes.
            cache: Whether features are computed once; otherwise in every evaluation.
        """
        self._inputs: Inputs | OwnLengthInputs
        self._segment_clip: Tensor | None = None
        self._clips = len(clips.targets)
        self._classes = classes
        if settings.segment_seconds is not None:
            width = input_samples(settings, sample_rate=front_end.feature.sample_rate, seconds=0.0)
            segments = consecutive(clips, width, peak=settings.segment_peak)
            self._segment_clip = segments.clip.cpu()
            self._order = torch.arange(len(segments.clip), device=clips.targets.device)
            self._inputs = Inputs(segments, front_end, None, cache=cache)
            self._batch_size = SEGMENT_BATCH
        elif settings.lengths == "own":
            self._order = own_lengths(clips).argsort(stable=True)
            self._inputs = OwnLengthInputs(clips, front_end, None, cache=cache)
            self._batch_size = SEGMENT_BATCH
        else:
            self._order = torch.arange(self._clips, device=clips.targets.device)
            self._inputs = Inputs(clips, front_end, None, cache=cache)
            self._batch_size = CLIP_BATCH
        self._prefetch = clips.prefetch and not self._inputs.cached

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> Outputs:
        """Runs the network in evaluation mode; its outputs for a clip do not depend on the other clips.

        Raises:
            NotLogits: If it answers with something other than logits [B, classes].
        """
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
        inputs = (self._inputs(index) for index in torch.split(self._order, self._batch_size))
        for features, *lengths in prefetch(inputs) if self._prefetch else inputs:
            with autocast(device):  # features are computed outside of it, in float32
                answer = network(fastest_layout(features), *lengths)
            yield logits_of(answer, clips=len(features), classes=self._classes)

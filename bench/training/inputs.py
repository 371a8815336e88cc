"""The network's inputs for examples by index: features, and the number of frames of each if clips keep their lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bench.plugins import Feature, Infeasible
from bench.training.augmentation import Augmenter
from bench.training.cached_features import load_or_compute
from bench.training.device_clips import DeviceClips, Examples
from bench.training.frontend import FrontEnd

FILL_CHUNK = 256
"""Clips whose features are computed at a time when those of all are cached."""


class Inputs:
    """Features of examples of one length. With `cache`, they are computed once and cached in memory if they fit."""

    def __init__(self, examples: Examples, front_end: FrontEnd, augmentation: Augmenter | None, *, cache: bool) -> None:
        self._examples = examples
        self._front_end = front_end
        self._augmentation = augmentation
        self._cached: Tensor | None = None
        if cache and front_end.fits(examples):
            self._cached = load_or_compute(front_end, examples.source, lambda: front_end.all_of(examples))

    @property
    def cached(self) -> bool:
        """Whether features are looked up rather than computed."""
        return self._cached is not None

    def __call__(self, index: Tensor) -> tuple[Tensor, ...]:
        """Returns the network's arguments for the examples at `index`: features [B, ...], augmented in training."""
        return self.with_targets(index)[0]

    def with_targets(self, index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Returns the network's arguments and the targets, which augmentations may mix: [B], or soft [B, classes]."""
        augmentation, targets = self._augmentation, self._examples.targets[index]
        if augmentation is not None:
            targets = augmentation.targets(targets)
        if self._cached is not None:
            features = self._cached[index]
        else:
            waveforms = self._examples.waveforms(index)
            if augmentation is not None:
                waveforms, targets = augmentation.waveform_batch(waveforms, targets)
            features = self._front_end(waveforms)
        if augmentation is not None:
            batch = augmentation.input_batch(features, targets)
            features, targets = batch.inputs, batch.targets
        return (features,), targets


class OwnLengthInputs:
    """Features of clips that keep their lengths.

    The features of a clip are computed on its own samples alone, so that padding has no influence on them. Those of a batch
    are padded with zeros on the left to the longest of the batch.
    """

    def __init__(self, clips: DeviceClips, front_end: FrontEnd, augmentation: Augmenter | None, *, cache: bool) -> None:
        self._clips = clips
        self._front_end = front_end
        self._augmentation = augmentation
        self._lengths = own_lengths(clips)
        self._frames = frames_of(front_end.feature, self._lengths)
        self._cached: Tensor | None = None
        if cache and front_end.fits(clips):
            source = clips.source and replace(clips.source, cut="own lengths")
            self._cached = load_or_compute(front_end, source, self._all)

    @property
    def cached(self) -> bool:
        """Whether features are looked up rather than computed."""
        return self._cached is not None

    def __call__(self, index: Tensor) -> tuple[Tensor, ...]:
        """Returns the network's arguments for the clips at `index` (int64 [B] on the CPU).

        Returns:
            Features [B, ..., frames of the longest], and the number of frames of each clip, int64 [B].
        """
        return self.with_targets(index)[0]

    def with_targets(self, index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Returns the network's arguments and the targets, which augmentations may mix: [B], or soft [B, classes]."""
        augmentation, targets = self._augmentation, self._clips.targets[index]
        if augmentation is not None:
            targets = augmentation.targets(targets)
        frames = self._frames[index]
        longest = int(frames.max())
        if self._cached is None:
            features, targets = self._features(index, longest, augmentation, targets)
        else:
            features = self._cached[..., self._cached.shape[-1] - longest :][index]
        frames = frames.to(features.device)
        if augmentation is not None:
            batch = augmentation.input_batch(features, targets, frames)
            features, targets = batch.inputs, batch.targets
            frames = frames if batch.frames is None else batch.frames
        return (features, frames), targets

    def _all(self) -> Tensor:
        """Computes the features of all clips, padded to the longest of all."""
        longest = int(self._frames.max())
        features = self._zeros(len(self._frames), longest)
        for index in torch.split(self._lengths.argsort(), FILL_CHUNK):
            frames = int(self._frames[index].max())
            features[index, ..., longest - frames :], _ = self._features(
                index, frames, None, self._clips.targets[index]
            )
        return features

    def _features(
        self, index: Tensor, longest: int, augmentation: Augmenter | None, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        targets = targets.clone()
        padded = self._zeros(len(index), longest)
        lengths = self._lengths[index]
        for length in np.unique(lengths).tolist():  # clips of one length at once
            of_length = (lengths == length).nonzero()[:, 0]
            waveforms = self._clips.waveforms(index[of_length])[:, :length]
            if augmentation is not None:
                waveforms, targets[of_length] = augmentation.waveform_batch(waveforms, targets[of_length])
            features = self._front_end(waveforms)
            padded[of_length, ..., longest - features.shape[-1] :] = features
        return padded, targets

    def _zeros(self, clips: int, frames: int) -> Tensor:
        shape = self._front_end.feature.shape(self._clips.width)
        return torch.zeros(clips, *shape[:-1], frames, device=self._clips.targets.device)


def own_lengths(clips: DeviceClips) -> Tensor:
    """Samples of every clip before padding, at least one, int64 [clips] on the CPU."""
    return clips.lengths.cpu().clamp_min(1)


def frames_of(feature: Feature, lengths: Tensor) -> Tensor:
    """Number of frames that the feature has for clips of `lengths` samples, int64 like `lengths`.

    Raises:
        Infeasible: A clip has none.
    """
    distinct, index_of_distinct = np.unique(lengths, return_inverse=True)
    frames = np.array([feature.shape(samples)[-1] for samples in distinct.tolist()])
    if frames.min() < 1:
        raise Infeasible(f"{feature.name} gives no frames for the shortest clip, of {distinct[0]} samples")
    return torch.from_numpy(frames[index_of_distinct])

"""What the network is called with for examples by index: features, and their own lengths where those differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bench.plugins import Feature, Infeasible
from bench.training.augmentation import Augmentation
from bench.training.cached_features import kept
from bench.training.device_clips import DeviceClips, Examples
from bench.training.frontend import FrontEnd

FILL_CHUNK = 256
"""Clips whose features are computed at a time where those of all are kept."""


class Inputs:
    """Features of examples of one length: kept where nothing random precedes them and they fit."""

    def __init__(
        self, examples: Examples, front_end: FrontEnd, augmentation: Augmentation | None, *, keep: bool
    ) -> None:
        self._examples = examples
        self._front_end = front_end
        self._augmentation = augmentation
        self._kept: Tensor | None = None
        if keep and front_end.fits(examples):
            self._kept = kept(front_end, examples.origin, lambda: front_end.all_of(examples))

    @property
    def kept(self) -> bool:
        """Whether features are looked up rather than computed."""
        return self._kept is not None

    def __call__(self, index: Tensor) -> tuple[Tensor, ...]:
        """The network's arguments for the examples at `index`: features [B, ...], augmented in training."""
        if self._kept is not None:
            features = self._kept[index]
        else:
            waveforms = self._examples.waveforms(index)
            features = self._front_end(
                waveforms if self._augmentation is None else self._augmentation.waveforms(waveforms)
            )
        return (features if self._augmentation is None else self._augmentation.features(features),)


class OwnLengthInputs:
    """Features of clips that keep their lengths, each computed on its own samples alone, so that no padding is in what a
    feature computes over a clip. Those of a batch are padded with zeros on the left to its longest."""

    def __init__(
        self, clips: DeviceClips, front_end: FrontEnd, augmentation: Augmentation | None, *, keep: bool
    ) -> None:
        self._clips = clips
        self._front_end = front_end
        self._augmentation = augmentation
        self._lengths = own_lengths(clips)
        self._frames = frames_of(front_end.feature, self._lengths)
        self._kept: Tensor | None = None
        if keep and front_end.fits(clips):
            self._kept = kept(front_end, clips.origin and replace(clips.origin, cut="own lengths"), self._all)

    @property
    def kept(self) -> bool:
        """Whether features are looked up rather than computed."""
        return self._kept is not None

    def __call__(self, index: Tensor) -> tuple[Tensor, ...]:
        """Features [B, ..., frames of the longest] of the clips at `index` (on the CPU), and the frames of each, [B]."""
        frames = self._frames[index]
        longest = int(frames.max())
        if self._kept is None:
            features = self._features(index, longest, self._augmentation)
        else:
            features = self._kept[..., self._kept.shape[-1] - longest :][index]
        frames = frames.to(features.device)
        if self._augmentation is not None:
            features = self._augmentation.features(features, frames)
        return features, frames

    def _all(self) -> Tensor:
        """Features of all clips, padded to the longest of all."""
        longest = int(self._frames.max())
        every = self._zeros(len(self._frames), longest)
        for index in torch.split(self._lengths.argsort(), FILL_CHUNK):
            frames = int(self._frames[index].max())
            every[index, ..., longest - frames :] = self._features(index, frames, None)
        return every

    def _features(self, index: Tensor, longest: int, augmentation: Augmentation | None) -> Tensor:
        padded = self._zeros(len(index), longest)
        lengths = self._lengths[index]
        for length in np.unique(lengths).tolist():  # clips of one length at once
            rows = (lengths == length).nonzero()[:, 0]
            waveforms = self._clips.waveforms(index[rows])[:, :length]
            features = self._front_end(waveforms if augmentation is None else augmentation.waveforms(waveforms))
            padded[rows, ..., longest - features.shape[-1] :] = features
        return padded

    def _zeros(self, clips: int, frames: int) -> Tensor:
        shape = self._front_end.feature.shape(self._clips.width)
        return torch.zeros(clips, *shape[:-1], frames, device=self._clips.targets.device)


def own_lengths(clips: DeviceClips) -> Tensor:
    """Samples of every clip before padding, at least one, int64 [clips] on the CPU."""
    return clips.lengths.cpu().clamp_min(1)


def frames_of(feature: Feature, lengths: Tensor) -> Tensor:
    """Frames that the feature makes of clips of so many samples, int64 like `lengths`.

    Raises Infeasible where there are none.
    """
    distinct, place = np.unique(lengths, return_inverse=True)
    frames = np.array([feature.shape(samples)[-1] for samples in distinct.tolist()])
    if frames.min() < 1:
        raise Infeasible(f"{feature.name} gives no frames for the shortest clip, of {distinct[0]} samples")
    return torch.from_numpy(frames[place])

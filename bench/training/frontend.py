"""Computes the features of many clips, in chunks of the size that is fastest on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.plugins import Feature
from bench.plugins.discovery import Package
from bench.training.device_clips import Examples

CPU_CHUNK = 16
"""Clips a chunk on a CPU; larger chunks do not fit into the processor's cache."""
CUDA_CHUNK = 512
CACHED_BYTES = 2 * 2**30
"""Bytes above which the features of a split are computed again in every epoch rather than cached in memory."""


class FrontEnd:
    """A feature's module on a device, applied in chunks."""

    def __init__(self, feature: Feature, device: torch.device, *, package: Package | None = None) -> None:
        """Builds the feature's module on a device.

        Args:
            feature: The feature.
            device: Where waveforms and features are.
            package: The package that brings the feature's class; None leaves its features out of the cache on disk.
        """
        self.feature = feature
        self.package = package
        self.device = device
        self.module: nn.Module = feature.build().to(device).eval()
        self.chunk = CUDA_CHUNK if device.type == "cuda" else CPU_CHUNK

    @torch.no_grad()
    def __call__(self, waveforms: Tensor) -> Tensor:
        """Computes the features [B, ...] of float32 waveforms [B, samples]."""
        if len(waveforms) <= self.chunk:
            return self.module(waveforms)  # type: ignore[no-any-return]
        return torch.cat([self.module(chunk) for chunk in torch.split(waveforms, self.chunk)])

    def fits(self, examples: Examples) -> bool:
        """Whether the features of all these examples may be cached in memory."""
        size = len(examples.targets) * 4
        for dimension in self.feature.shape(examples.width):
            size *= dimension
        return size <= CACHED_BYTES

    @torch.no_grad()
    def all_of(self, examples: Examples) -> Tensor:
        """Computes the features of every example, float32 [examples, ...] on the device."""
        count = len(examples.targets)
        features = torch.empty((count, *self.feature.shape(examples.width)), device=examples.targets.device)
        for start in range(0, count, self.chunk):
            features[start : start + self.chunk] = self.module(examples.waveforms(slice(start, start + self.chunk)))
        return features

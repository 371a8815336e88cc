"""Decoded clips on the device of a worker, read once and kept through all its trials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bench.data.prepared import PreparedData
from bench.plugins import Split

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class DeviceClips:
    """One split on the device."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    targets: Tensor
    """int64 [clips]."""
    samples: Tensor
    """int16 [clips, samples]; on a CPU the pages of the memory-mapped cache, shared by all workers."""

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """float32 [B, samples] in -1..1 of the clips at `index`."""
        return self.samples[index].float().mul_(1.0 / 32768.0)


class DataOnDevice:
    """The splits of a prepared data set, on one device."""

    def __init__(self, prepared: PreparedData, device: torch.device) -> None:
        self.prepared = prepared
        self.device = device
        self.split = cache(self._split)
        self.noise = cache(self._noise)

    def _split(self, split: Split, sample_rate: int) -> DeviceClips:
        """Raises BenchError where the split is not the holder's to read."""
        import torch

        from bench.data.preparation import load_split

        clips = load_split(self.prepared, split, sample_rate=sample_rate)
        return DeviceClips(
            ids=clips.ids,
            groups=clips.groups,
            targets=torch.from_numpy(clips.targets).to(self.device),
            samples=torch.from_numpy(clips.samples).to(self.device),
        )

    def _noise(self, sample_rate: int) -> Tensor | None:
        """Background noise as float32 [samples] in -1..1; None where the data set brings none."""
        import torch

        from bench.data.preparation import load_noise

        noise = load_noise(self.prepared, sample_rate=sample_rate)
        return None if noise is None else torch.from_numpy(noise).to(self.device).float() / 32768.0

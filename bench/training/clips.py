"""Decoded clips on the device of a worker, read once and kept through all its trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.data.prepared import ClipSet, PreparedData
from bench.plugins import Split, TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FULL_SCALE = 32768.0
"""Of int16 samples: what 1.0 is."""


@dataclass(frozen=True)
class Origin:
    """Where examples were read from, and how they were cut: equal content and cut are the same waveforms."""

    file: Path
    content: str
    """Digest of the clips, their order and their lengths."""
    cut: str = ""
    """Nothing for clips as they are on disk."""


class Examples(Protocol):
    """What a network is shown one by one, all of one length: clips, or segments of them."""

    @property
    def targets(self) -> Tensor:
        """int64 [examples]."""
        ...

    @property
    def width(self) -> int:
        """Samples of every example."""
        ...

    @property
    def origin(self) -> Origin | None:
        """None for examples that are drawn, or that are not all of a split."""
        ...

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """float32 [B, width] in -1..1 of the examples at `index`."""
        ...


@dataclass(frozen=True)
class DeviceClips:
    """One split on the device."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    targets: Tensor
    """int64 [clips]."""
    samples: Tensor
    """int16 [clips, samples]; on a CPU the pages of the memory-mapped cache, shared by all workers."""
    lengths: Tensor
    """int64 [clips]: samples of every clip before it was padded with zeros at its end."""
    origin: Origin | None = None
    """None for clips that are not all of a split on disk."""

    @property
    def width(self) -> int:
        """Samples of every clip, padding included."""
        return self.samples.shape[1]

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """float32 [B, samples] in -1..1 of the clips at `index`."""
        return self.samples[index].float().mul_(1.0 / FULL_SCALE)


class DataOnDevice:
    """The splits of a prepared data set, on one device."""

    def __init__(self, prepared: PreparedData, device: torch.device, *, at_most: int | None = None) -> None:
        """`at_most`: clips of a split, the first ones; None for all."""
        self.prepared = prepared
        self.device = device
        self._at_most = at_most
        self._splits: dict[tuple[Split, int], DeviceClips] = {}
        self._copies: tuple[object, DeviceClips] | None = None
        self._noises: dict[int, Tensor | None] = {}

    def first(self, clips: int) -> DataOnDevice:
        """The same data with the first clips of every split alone: enough to time a batch."""
        return DataOnDevice(self.prepared, self.device, at_most=clips)

    def split(self, split: Split, sample_rate: int) -> DeviceClips:
        """A split, read at the first call. Raises BenchError where it is not the holder's to read."""
        if (split, sample_rate) not in self._splits:
            from bench.data.preparation import load_split

            self._splits[split, sample_rate] = self._on_device(
                load_split(self.prepared, split, sample_rate=sample_rate)
            )
        return self._splits[split, sample_rate]

    def training(self, settings: TrainingSettings, sample_rate: int) -> DeviceClips:
        """The training clips, or the augmented copies in their place. Raises BenchError where those are not made."""
        if settings.copies == 0:
            return self.split("train", sample_rate)
        from bench.data.copies import CopySettings, load_copies

        key = (sample_rate, CopySettings.of(settings))
        if self._copies is None or self._copies[0] != key:
            self._copies = None  # before others are read: one set of copies is held at a time
            self._copies = key, self._on_device(load_copies(self.prepared, settings, sample_rate))
        return self._copies[1]

    def noise(self, sample_rate: int) -> Tensor | None:
        """Background noise as float32 [samples] in -1..1; None where the data set brings none."""
        if sample_rate not in self._noises:
            self._noises[sample_rate] = self._read_noise(sample_rate)
        return self._noises[sample_rate]

    def _on_device(self, clips: ClipSet) -> DeviceClips:
        import torch

        from bench.data.cache import content_of

        few = slice(self._at_most)
        content = content_of(clips.file) if self._at_most is None else None
        return DeviceClips(
            ids=clips.ids[few],
            groups=clips.groups[few],
            targets=torch.from_numpy(clips.targets[few]).to(self.device),
            samples=torch.from_numpy(clips.samples[few]).to(self.device),
            lengths=torch.from_numpy(clips.lengths[few]).to(self.device),
            origin=None if content is None else Origin(clips.file, content),
        )

    def _read_noise(self, sample_rate: int) -> Tensor | None:
        import torch

        from bench.data.preparation import load_noise

        noise = load_noise(self.prepared, sample_rate=sample_rate)
        return None if noise is None else torch.from_numpy(noise).to(self.device).float() / FULL_SCALE

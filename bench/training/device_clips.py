"""Decoded clips on the device of a worker, read once and kept through all its trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from bench.data.prepared import ClipSet, PreparedData
from bench.plugins import Split, TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Index = TypeVar("Index", Tensor, slice, Tensor | slice)

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
    """One split: on the device where it fits, and otherwise streamed there from the memory-mapped cache, batch by batch."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    targets: Tensor
    """int64 [clips]."""
    samples: Tensor
    """int16 [clips, samples]; on a CPU, and where they are streamed, the pages of the memory-mapped cache, which all workers
    share."""
    lengths: Tensor
    """int64 [clips]: samples of every clip before it was padded with zeros at its end."""
    origin: Origin | None = None
    """None for clips that are not all of a split on disk."""
    streamed: bool = False
    """Whether `samples` stay in the host's memory, on a GPU as well: they do not fit on the device."""
    ahead: bool = False
    """Whether a thread of its own makes their batches ahead, where features are not kept: they are streamed, or there are
    cores that nothing else uses. The numbers are the same."""

    @property
    def width(self) -> int:
        """Samples of every clip, padding included."""
        return self.samples.shape[1]

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """float32 [B, samples] in -1..1 of the clips at `index`."""
        return self.rows(index).float().mul_(1.0 / FULL_SCALE)

    def rows(self, index: Tensor | slice) -> Tensor:
        """int16 [B, samples] of the clips at `index`, on the device."""
        return self._to_device(self.samples[self._beside_samples(index)])

    def stretches(self, clip: Tensor, start: Tensor, width: int) -> Tensor:
        """float32 [B, width] in -1..1: of every `clip` (int64 [B]) the samples from `start` (int64 [B])."""
        # Rows of a view: no sample is gathered by itself.
        views = self.samples.unfold(1, width, 1)
        rows = self._to_device(views[self._beside_samples(clip), self._beside_samples(start)])
        return rows.float().mul_(1.0 / FULL_SCALE)

    def _beside_samples(self, index: Index) -> Index:
        return index.to(self.samples.device) if self.streamed and not isinstance(index, slice) else index

    def _to_device(self, rows: Tensor) -> Tensor:
        device = self.targets.device
        if device.type == "cuda" and not rows.is_cuda:
            return rows.pin_memory().to(device, non_blocking=True)
        return rows


class DataOnDevice:
    """The splits of a prepared data set, on one device."""

    def __init__(
        self,
        prepared: PreparedData,
        device: torch.device,
        *,
        at_most: int | None = None,
        room: int | None = None,
        spare_cores: bool = False,
    ) -> None:
        """`at_most`: clips of a split, the first ones; None for all. `room`: bytes of a split's samples that fit on the
        device, larger ones are streamed; None: as much as `room_on` says at the time. `spare_cores`: whether as many cores
        as torch has threads here have nothing else to do."""
        self.prepared = prepared
        self.device = device
        self._at_most = at_most
        self._room = room
        self._spare_cores = spare_cores
        self._splits: dict[tuple[Split, int], DeviceClips] = {}
        self._copies: tuple[object, DeviceClips] | None = None
        self._noises: dict[int, Tensor | None] = {}

    def first(self, clips: int) -> DataOnDevice:
        """The same data with the first clips of every split alone: enough to time a batch."""
        return DataOnDevice(self.prepared, self.device, at_most=clips, room=self._room)

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
        if settings.offline_copies == 0:
            return self.split("train", sample_rate)
        from bench.data.offline_augmentation import OfflineAugmentation, load_augmented_copies

        key = (sample_rate, OfflineAugmentation.of(settings))
        if self._copies is None or self._copies[0] != key:
            self._copies = None  # before others are read: one set of copies is held at a time
            self._copies = key, self._on_device(load_augmented_copies(self.prepared, settings, sample_rate))
        return self._copies[1]

    def noise(self, sample_rate: int) -> Tensor | None:
        """Background noise as float32 [samples] in -1..1; None where the data set brings none."""
        if sample_rate not in self._noises:
            self._noises[sample_rate] = self._read_noise(sample_rate)
        return self._noises[sample_rate]

    def _on_device(self, clips: ClipSet) -> DeviceClips:
        import torch

        from bench.data.waveform_cache import content_of
        from bench.training.device import room_on

        few = slice(self._at_most)
        content = content_of(clips.file) if self._at_most is None else None
        samples = torch.from_numpy(clips.samples[few])
        streamed = samples.nbytes > (room_on(self.device) if self._room is None else self._room)
        return DeviceClips(
            ids=clips.ids[few],
            groups=clips.groups[few],
            targets=torch.from_numpy(clips.targets[few]).to(self.device),
            samples=samples if streamed else samples.to(self.device),
            lengths=torch.from_numpy(clips.lengths[few]).to(self.device),
            origin=None if content is None else Origin(clips.file, content),
            streamed=streamed,
            ahead=streamed or self._spare_cores,
        )

    def _read_noise(self, sample_rate: int) -> Tensor | None:
        import torch

        from bench.data.preparation import load_noise

        noise = load_noise(self.prepared, sample_rate=sample_rate)
        return None if noise is None else torch.from_numpy(noise).to(self.device).float() / FULL_SCALE

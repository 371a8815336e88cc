"""Decoded clips on the device of a worker, read once for all its trials."""

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
"""Value of an int16 sample that becomes 1.0."""


@dataclass(frozen=True)
class ClipSource:
    """The file that examples were read from, and how they were cut: equal digest and cut mean equal waveforms."""

    file: Path
    digest: str
    """Digest of the clips, their order and their lengths."""
    cut: str = ""
    """How the clips were cut; empty for clips as they are on disk."""


class Examples(Protocol):
    """Inputs of a network before its front end, all of one length: clips, or segments of them."""

    @property
    def targets(self) -> Tensor:
        """Class of every example, int64 [examples]."""
        ...

    @property
    def width(self) -> int:
        """Samples of every example."""
        ...

    @property
    def source(self) -> ClipSource | None:
        """The file they were read from; None if they are drawn, or not all of a split."""
        ...

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """Returns the examples at `index` as float32 [B, width] in -1..1."""
        ...


@dataclass(frozen=True)
class DeviceClips:
    """The clips of one split: on the device if they fit, otherwise streamed there from the memory-mapped cache."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    targets: Tensor
    """Class of every clip, int64 [clips]."""
    samples: Tensor
    """int16 [clips, samples]; on a CPU, and if they are streamed, these are the pages of the memory-mapped cache, which all
    workers share, and may hold other clips, too."""
    lengths: Tensor
    """Samples of every clip before it was padded with zeros at its end, int64 [clips]."""
    rows: Tensor | None = None
    """Position of every clip in `samples`, int64 [clips]; None if they are all of them, in order."""
    source: ClipSource | None = None
    """The file they were read from; None if they are not all of a split on disk."""
    streamed: bool = False
    """Whether `samples` stay in the host's memory, even for a GPU, since they do not fit on the device."""
    prefetch: bool = False
    """Whether a thread prefetches their batches, unless features are cached: if they are streamed, or if there are cores
    that nothing else uses. The numbers are the same either way."""

    @property
    def width(self) -> int:
        """Samples of every clip, padding included."""
        return self.samples.shape[1]

    def waveforms(self, index: Tensor | slice) -> Tensor:
        """Returns the clips at `index` as float32 [B, samples] in -1..1."""
        return self.int16_samples(index).float().mul_(1.0 / FULL_SCALE)

    def int16_samples(self, index: Tensor | slice) -> Tensor:
        """Returns the clips at `index` as int16 [B, samples] on the device."""
        return self._to_device(self.samples[self._rows_on_host(index)])

    def stretches(self, clip: Tensor, start: Tensor, width: int) -> Tensor:
        """Cuts a stretch out of each of several clips.

        Args:
            clip: Index of the clip, int64 [B].
            start: First sample of the stretch in its clip, int64 [B].
            width: Samples of every stretch.

        Returns:
            float32 [B, width] in -1..1 on the device.
        """
        # A view is indexed, so that samples are copied in stretches rather than one by one.
        views = self.samples.unfold(1, width, 1)
        samples = self._to_device(views[self._rows_on_host(clip), self._on_host(start)])
        return samples.float().mul_(1.0 / FULL_SCALE)

    def _rows_on_host(self, index: Tensor | slice) -> Tensor | slice:
        """Where the clips at `index` stand in the samples."""
        on_host = index if isinstance(index, slice) else self._on_host(index)
        return on_host if self.rows is None else self.rows[on_host]

    def _on_host(self, index: Tensor) -> Tensor:
        """The index in the host's memory if the samples are there."""
        return index.to(self.samples.device) if self.streamed else index

    def _to_device(self, samples: Tensor) -> Tensor:
        device = self.targets.device
        if device.type == "cuda" and not samples.is_cuda:
            return samples.pin_memory().to(device, non_blocking=True)
        return samples


class DataOnDevice:
    """The splits of a prepared data set, on one device."""

    def __init__(
        self,
        prepared: PreparedData,
        device: torch.device,
        *,
        max_clips: int | None = None,
        max_bytes: int | None = None,
        spare_cores: bool = False,
    ) -> None:
        """Reads nothing yet.

        Args:
            prepared: The decoded data set.
            device: The device of the clips.
            max_clips: Number of clips of every split that are used, the first ones; None for all.
            max_bytes: Bytes of a split's samples that fit on the device; larger ones are streamed. None for as many as
                `samples_limit` gives at the time.
            spare_cores: Whether as many cores as torch has threads in this process have nothing else to do.
        """
        self.prepared = prepared
        self.device = device
        self._max_clips = max_clips
        self._max_bytes = max_bytes
        self._spare_cores = spare_cores
        self._splits: dict[tuple[Split, int], DeviceClips] = {}
        self._augmented: tuple[object, DeviceClips] | None = None
        self._noises: dict[int, Tensor | None] = {}

    def first(self, clips: int) -> DataOnDevice:
        """Returns the same data with only the first clips of every split, enough to time a batch."""
        return DataOnDevice(self.prepared, self.device, max_clips=clips, max_bytes=self._max_bytes)

    def split(self, split: Split, sample_rate: int) -> DeviceClips:
        """Returns a split, and reads it at the first call. Raises BenchError if it is out of reach."""
        if (split, sample_rate) not in self._splits:
            from bench.data.preparation import load_split

            self._splits[split, sample_rate] = self._on_device(
                load_split(self.prepared, split, sample_rate=sample_rate)
            )
        return self._splits[split, sample_rate]

    def training(self, settings: TrainingSettings, sample_rate: int) -> DeviceClips:
        """Returns the training clips, or their augmented copies if `settings` ask for some.

        Raises:
            BenchError: The augmented copies have not been made.
        """
        if settings.offline_copies == 0:
            return self.split("train", sample_rate)
        from bench.data.offline_augmentation import OfflineAugmentation, load_augmented_copies

        key = (sample_rate, OfflineAugmentation.of(settings))
        if self._augmented is None or self._augmented[0] != key:
            self._augmented = None  # freed before others are read, so that only one set is in memory at a time
            self._augmented = key, self._on_device(load_augmented_copies(self.prepared, settings, sample_rate))
        return self._augmented[1]

    def noise(self, sample_rate: int) -> Tensor | None:
        """Returns background noise as float32 [samples] in -1..1; None if the data set brings none."""
        if sample_rate not in self._noises:
            self._noises[sample_rate] = self._read_noise(sample_rate)
        return self._noises[sample_rate]

    def _on_device(self, clips: ClipSet) -> DeviceClips:
        import torch

        from bench.data.waveform_cache import split_digest
        from bench.training.device import samples_limit

        used = slice(self._max_clips)
        digest = split_digest(clips) if self._max_clips is None else None
        samples = torch.from_numpy(clips.mapped)
        rows = None if clips.rows is None else torch.from_numpy(clips.rows[used])
        size = len(clips.targets[used]) * samples.shape[1] * samples.itemsize
        streamed = size > (samples_limit(self.device) if self._max_bytes is None else self._max_bytes)
        if rows is None:
            samples = samples[used]
        elif self.device.type != "cpu" and not streamed:
            samples, rows = samples[rows], None
        return DeviceClips(
            ids=clips.ids[used],
            groups=clips.groups[used],
            targets=torch.from_numpy(clips.targets[used]).to(self.device),
            samples=samples if streamed else samples.to(self.device),
            lengths=torch.from_numpy(clips.lengths[used]).to(self.device),
            rows=rows,
            source=None if digest is None else ClipSource(clips.file, digest),
            streamed=streamed,
            prefetch=streamed or self._spare_cores,
        )

    def _read_noise(self, sample_rate: int) -> Tensor | None:
        import torch

        from bench.data.preparation import load_noise

        noise = load_noise(self.prepared, sample_rate=sample_rate)
        return None if noise is None else torch.from_numpy(noise).to(self.device).float() / FULL_SCALE

"""The cache of decoded audio: one folder per data set and sample rate, with one file of waveforms per split.

    manifest.json              the data set's metadata, and the checksums of the other files
    train.npy                  int16 [clips, samples], padded with zeros at the end to the data set's clip length
    train.json                 what is known of every clip, see ClipIndex
    validation.npy ... test.npy ...
    noise.npy                  int16 [samples], background-noise recordings one after another; missing if there are none

Clips are padded on disk, so that every process maps the same pages and none needs its own; on all common file systems the
padding is a hole in the file and takes no space. Each official split is a file: a process without the test split opens none
of it. Clips that the harness divides itself are all in train.npy, and its index says enough to divide them again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.data.checksums import Corrupt, FileSum, file_sum, verify_file
from bench.data.prepared import ClipSet
from bench.data.recordings import groups_by_sound
from bench.data.twins import Twins
from bench.names import FileName
from bench.plugins import Split
from bench.plugins.contracts import SPLITS

FORMAT = 5
"""Version of the layout. It is part of every cache's key, so that another layout is another cache."""

MANIFEST = "manifest.json"
NOISE = "noise.npy"


class DataIssue(BaseModel):
    """A defect of one clip that a user should know about."""

    model_config = ConfigDict(frozen=True)
    clip: str
    what: str
    """The defect in a few words."""
    skipped: bool
    """Whether the clip is left out; otherwise it is used all the same."""


class Metadata(BaseModel):
    """What decoding tells about a data set. It is the same at every sample rate."""

    model_config = ConfigDict(frozen=True)
    revision: str
    """16 hex digits over the audio, label, official split, fold and group of every clip."""
    labels: tuple[str, ...]
    seconds: float
    """Length that every clip is padded or cut to."""
    supports: dict[Split, tuple[int, ...]]
    """Number of clips of every class, in the order of `labels`, by file."""
    issues: tuple[DataIssue, ...]
    notes: tuple[str, ...]
    """Human-readable notes on what was cut or left out."""
    twins: Twins = Twins(())
    """Clips that hold one recording."""
    highs: tuple[tuple[str, float, int], ...] = ()
    """Clips whose sound lies high: name, frequency in Hz below which they have hardly any, and sample rate of the file."""


class Manifest(BaseModel):
    """A cache's metadata, and the checksums of its files."""

    model_config = ConfigDict(frozen=True)
    metadata: Metadata
    files: dict[FileName, FileSum]
    listing: str = ""
    """What files it was made of, see `DatasetFiles.listing`."""


class ClipIndex(BaseModel):
    """What is known of the clips of one file, in its order."""

    model_config = ConfigDict(frozen=True)
    ids: list[str] = []
    groups: list[str] = []
    """Speaker or recording, empty if unknown."""
    folds: list[str] = []
    """Official fold, empty if unknown."""
    targets: list[int] = []
    """Class, as its index in the data set's labels."""
    lengths: list[int] = []
    """Samples before padding."""
    seconds: list[float] = []
    """Length before the clip was cut."""
    silent: list[bool] = []
    """Whether the clip holds silence, on purpose or not."""
    families: list[str] = []
    """Name that copies of one recording share, empty for a clip without copies."""


@dataclass
class SplitWriter:
    """Writes the clips of one file, one after another."""

    path: Path
    samples: int
    """Samples of every clip after padding."""
    index: ClipIndex = field(default_factory=ClipIndex)

    def __post_init__(self) -> None:
        self._file: IO[bytes] = self.path.open("wb")
        self._header = self._write_header()

    def add(
        self,
        waveform: NDArray[np.int16],
        *,
        id: str,
        group: str,
        target: int,
        fold: str = "",
        seconds: float = 0.0,
        silent: bool = False,
    ) -> None:
        """Appends a clip, int16 [samples], cut to the common length."""
        waveform = waveform[: self.samples]
        index = self.index
        self._file.seek(self._header + 2 * self.samples * len(index.ids))
        self._file.write(waveform.astype("<i2", copy=False).tobytes())
        index.ids.append(id)
        index.groups.append(group)
        index.folds.append(fold)
        index.targets.append(target)
        index.lengths.append(len(waveform))
        index.seconds.append(seconds)
        index.silent.append(silent)

    def close(self) -> None:
        """Writes the number of clips into the header, and the index into a file of its own."""
        self._file.truncate(self._header + 2 * self.samples * len(self.index.ids))
        self._file.seek(0)
        if self._write_header() != self._header:  # numpy leaves space in it for the first axis to grow
            raise RuntimeError(f"the header of {self.path} has grown into the samples")
        self._file.close()
        self.path.with_suffix(".json").write_text(self.index.model_dump_json(), encoding="utf-8")

    def _write_header(self) -> int:
        shape = (len(self.index.ids), self.samples)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "<i2", "fortran_order": False, "shape": shape})
        return self._file.tell()


class CacheWriter:
    """Writes a whole cache into a new folder."""

    def __init__(self, folder: Path, *, samples: int) -> None:
        folder.mkdir()
        self._folder = folder
        self.splits: dict[Split, SplitWriter] = {
            split: SplitWriter(folder / f"{split}.npy", samples) for split in SPLITS
        }

    def add_noise(self, noise: NDArray[np.int16]) -> None:
        """Stores the background noise, [samples]."""
        np.save(self._folder / NOISE, noise)

    def close(self, metadata: Metadata, *, listing: str = "") -> None:
        """Completes the files; the manifest is written last."""
        self._name_recordings(metadata.twins)
        for writer in self.splits.values():
            writer.close()
        files = {path.name: file_sum(path) for path in sorted(self._folder.iterdir())}
        manifest = Manifest(metadata=metadata, files=files, listing=listing)
        (self._folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")

    def _name_recordings(self, twins: Twins) -> None:
        """Names the families of all clips, and their groups after these."""
        names = twins.names()
        indexes = [writer.index for writer in self.splits.values()]
        for index in indexes:
            index.families.extend(names.get(id, "") for id in index.ids)
        groups = [group for index in indexes for group in index.groups]
        by_sound = iter(groups_by_sound(groups, [family for index in indexes for family in index.families]))
        for index in indexes:
            index.groups[:] = [next(by_sound) for _ in index.ids]


def verified(folder: Path, *, once: bool = False) -> Metadata | None:
    """Checks every byte of a cache against its checksums.

    Args:
        folder: The cache's folder.
        once: Whether files that this process has checked before are read again only if they have changed since.

    Returns:
        The cache's metadata, or None if there is no such folder.

    Raises:
        Corrupt: A file is missing or damaged.
    """
    if not folder.is_dir():
        return None
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Corrupt(f"{MANIFEST} is missing") from None
    except (OSError, ValidationError):
        raise Corrupt(f"{MANIFEST} cannot be read") from None
    for name, expected in manifest.files.items():
        verify_file(folder / name, expected, once=once)
    return manifest.metadata


def read_index(folder: Path, split: Split) -> ClipIndex:
    """Reads what is known of the clips of a file. Raises OSError or ValueError."""
    return ClipIndex.model_validate_json((folder / f"{split}.json").read_bytes())


def map_samples(path: Path) -> NDArray[np.int16]:
    """Maps a file of waveforms into memory, int16 [clips, samples] or [samples].

    Pages are read when they are used, and shared by all processes; writing to them does not change the file.
    Raises OSError or ValueError.
    """
    samples: NDArray[np.int16] = np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
    return samples


def split_digest(clips: ClipSet) -> str | None:
    """Digests the clips of a split: 64 hex digits.

    They are taken from the manifest beside its file, so that no audio is read; None if no readable manifest covers the file.
    """
    file = clips.file
    try:
        manifest = Manifest.model_validate_json((file.parent / MANIFEST).read_bytes())
        sums = [manifest.files[name].model_dump() for name in (file.name, file.with_suffix(".json").name)]
    except (OSError, ValidationError, KeyError):
        return None
    rows = None if clips.rows is None else hashlib.sha256(clips.rows.tobytes()).hexdigest()
    parts = [FORMAT, manifest.metadata.revision, sums, clips.mapped.shape[1], rows]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

"""Decoded audio on disk: one folder per data set and sample rate, with one file of waveforms per split.

    manifest.json              what a run needs to know, and the checksums of the other files
    train.npy                  int16 [clips, samples], padded with zeros at the end to the data set's clip length
    train.json                 ids, groups, targets of the clips, and their lengths before padding, in samples
    validation.npy ... test.npy ...
    noise.npy                  int16 [samples], background-noise recordings one after another; only where there are some

Clips are padded on disk, so that every process maps the same pages and none holds a copy; the padding is a hole in the file
on file systems that can (all common ones). Splits are files of their own: a process without the test split opens none of it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.cores import available_cores
from bench.plugins import Split
from bench.plugins.contracts import SPLITS

FORMAT = 1
"""Part of every cache's key: another layout is another cache."""

MANIFEST = "manifest.json"
NOISE = "noise.npy"
PIECE = 32 * 2**20
"""Bytes that one checksum covers, so that the pieces of a file are checked in parallel."""


class Corrupt(Exception):
    """A cache that is not what its manifest says; the message says how."""


class DataIssue(BaseModel):
    """Something about one clip that a person should know."""

    model_config = ConfigDict(frozen=True)
    clip: str
    what: str
    skipped: bool
    """Whether the clip is left out, or kept all the same."""


class FileSum(BaseModel):
    """Size of a file in bytes, and the crc32 of each of its pieces."""

    model_config = ConfigDict(frozen=True)
    size: int
    crc32: tuple[int, ...]


class Metadata(BaseModel):
    """What decoding found out about a data set. The same at every sample rate."""

    model_config = ConfigDict(frozen=True)
    revision: str
    labels: tuple[str, ...]
    seconds: float
    supports: dict[Split, tuple[int, ...]]
    grouped: dict[Split, bool]
    issues: tuple[DataIssue, ...]
    notes: tuple[str, ...]


class Manifest(BaseModel):
    """The facts, and the files that go with them."""

    model_config = ConfigDict(frozen=True)
    facts: Metadata
    files: dict[str, FileSum]


@dataclass
class SplitWriter:
    """Writes the clips of one split, one after another."""

    path: Path
    samples: int
    """Per clip, after padding."""
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file: IO[bytes] = self.path.open("wb")
        self._header = self._write_header()

    def add(self, waveform: NDArray[np.int16], *, id: str, group: str, target: int) -> None:
        """Appends a clip, cut to the common length."""
        waveform = waveform[: self.samples]
        self._file.seek(self._header + 2 * self.samples * len(self.ids))
        self._file.write(waveform.astype("<i2", copy=False).tobytes())
        self.ids.append(id)
        self.groups.append(group)
        self.targets.append(target)
        self.lengths.append(len(waveform))

    def close(self) -> None:
        """Writes the number of clips into the header, and the index beside it."""
        self._file.truncate(self._header + 2 * self.samples * len(self.ids))
        self._file.seek(0)
        assert self._write_header() == self._header  # numpy leaves room there for the first axis to grow
        self._file.close()
        index = {"ids": self.ids, "groups": self.groups, "targets": self.targets, "lengths": self.lengths}
        self.path.with_suffix(".json").write_text(json.dumps(index), encoding="utf-8")

    def _write_header(self) -> int:
        shape = (len(self.ids), self.samples)
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

    def close(self, facts: Metadata) -> None:
        """Completes the files; the manifest comes last."""
        for writer in self.splits.values():
            writer.close()
        files = {path.name: file_sum(path) for path in sorted(self._folder.iterdir())}
        manifest = Manifest(facts=facts, files=files)
        (self._folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")


def verify(folder: Path) -> Metadata | None:
    """Reads every byte of a cache against its checksums; None where there is no cache. Raises Corrupt."""
    if not folder.is_dir():
        return None
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Corrupt(f"{MANIFEST} is missing") from None
    except (OSError, ValidationError):
        raise Corrupt(f"{MANIFEST} cannot be read") from None
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise Corrupt(f"{name} is missing")
        if path.stat().st_size != expected.size:
            raise Corrupt(f"{name} has {path.stat().st_size:,} bytes, not {expected.size:,}")
        if file_sum(path) != expected:
            raise Corrupt(f"{name} has a wrong checksum")
    return manifest.facts


def read_index(folder: Path, split: Split) -> Mapping[str, Any]:
    """ids, groups, targets and lengths of a split, as lists. Raises OSError or ValueError."""
    index: Mapping[str, Any] = json.loads((folder / f"{split}.json").read_bytes())
    return index


def map_samples(path: Path) -> NDArray[np.int16]:
    """A file of waveforms, mapped: pages are read when they are used, and shared by all processes; writing changes only
    the writer's own copy. Raises OSError or ValueError."""
    samples: NDArray[np.int16] = np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
    return samples


def content_of(file: Path) -> str | None:
    """64 hex digits over a split's clips, given its file of waveforms: by what the manifest beside it says of them, so that
    nothing is read. None where there is no manifest that says it."""
    try:
        manifest = Manifest.model_validate_json((file.parent / MANIFEST).read_bytes())
        sums = [manifest.files[name].model_dump() for name in (file.name, file.with_suffix(".json").name)]
    except (OSError, ValidationError, KeyError):
        return None
    return hashlib.sha256(json.dumps([FORMAT, manifest.facts.revision, sums]).encode()).hexdigest()


def file_sum(path: Path) -> FileSum:
    """Reads a file. Raises OSError."""
    size = path.stat().st_size
    starts = range(0, size, PIECE)
    with ThreadPoolExecutor(available_cores()) as pool:
        return FileSum(size=size, crc32=tuple(pool.map(lambda start: _crc32(path, start), starts)))


def _crc32(path: Path, start: int) -> int:
    with path.open("rb") as file:
        file.seek(start)
        return zlib.crc32(file.read(PIECE))

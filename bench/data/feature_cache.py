"""Features of whole splits on disk, for every trial that wants the same ones: bounded, least recently used out first.

    features/3f0c.../manifest.json    of which clips and by which feature, and the checksum of the file beside it
    features/3f0c.../features.npy     as numpy writes it, mapped by all workers: they share its pages
    features/77d1....asked            asked for once, and not kept yet

An entry is named by a digest of everything that its numbers depend on, see `bench.training.cached_features`. It can be
removed at any time: a process that has it mapped can still read it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.data.folders import building, discard, mark_used
from bench.data.waveform_cache import MANIFEST, Corrupt, FileSum, file_sum
from bench.errors import BenchError
from bench.locks import Locked, NoLocks, lock
from bench.plugins import PluginConfig
from bench.sizes import parse_size

FOLDER = "features"
"""Of the store, in the cache folder."""
FEATURES = "features.npy"
LIMIT = "BENCH_FEATURE_CACHE"
"""Variable that bounds the store, as in 5GB; 0 turns it off."""
MOST = 20 * 10**9
SHARE = 10
"""Unless told otherwise the store takes this part of the free disk, and no more than MOST bytes."""
MARGIN = 2**14
"""Bytes of an entry beside its numbers, at most."""
ASKED_SECONDS = 7 * 24 * 3600
"""How long it is remembered that features were asked for once."""
KEY = re.compile(r"[0-9a-f]{32}")


class FeatureManifest(BaseModel):
    """What an entry holds."""

    model_config = ConfigDict(frozen=True)
    clips: str
    """Folder of the decoded audio, split, and how it was cut: for people."""
    feature: PluginConfig
    sum: FileSum


@dataclass(frozen=True)
class Entry:
    """Features in the store."""

    folder: Path
    size: int
    """Bytes."""
    used: float
    """When it was used last, in seconds since 1970."""


def feature_limit() -> int | None:
    """Bytes that BENCH_FEATURE_CACHE allows; None where it is not set. Raises BenchError where it is no size."""
    given = os.environ.get(LIMIT)
    return parse_size(given, where=LIMIT) if given else None


class FeatureCache:
    """The store in one cache folder. Several processes may use it at once."""

    def __init__(self, cache_dir: Path, *, limit: int | None) -> None:
        """`limit`: bytes, 0 for no store at all; None for a part of the disk."""
        self._folder = cache_dir / FOLDER
        self._limit = limit

    def read(self, key: str) -> NDArray[np.generic] | None:
        """The features under a key, mapped, or None. A damaged entry is removed."""
        folder = self._folder / key
        if self._limit == 0 or not folder.is_dir():
            return None
        try:
            manifest = FeatureManifest.model_validate_json((folder / MANIFEST).read_bytes())
            _check(folder / FEATURES, manifest.sum)
            features = np.load(folder / FEATURES, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, Corrupt):  # or another process has just removed it
            with suppress(BenchError):
                discard(folder)
            return None
        mark_used(folder)
        return np.asarray(features)

    def asked_before(self, key: str) -> bool:
        """Whether features that the store does not have were asked for before, by whichever process; remembers this time."""
        marker = self._folder / f"{key}.asked"
        if self._limit == 0:
            return False
        try:
            before = marker.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            marker.touch()
        except OSError:  # a cache that is only read keeps nothing
            return False
        return before

    def write(self, key: str, features: NDArray[np.generic], *, clips: str, feature: PluginConfig) -> None:
        """Keeps features where there is room for them, those used longest ago make it, and no other process is writing:
        what is not kept is computed again. Nothing is raised where the folder or the disk refuses."""
        with suppress(OSError, BenchError, Locked, NoLocks):
            self._folder.mkdir(parents=True, exist_ok=True)
            with lock(self._folder / ".lock"):
                self._write(key, features, clips=clips, feature=feature)

    def _write(self, key: str, features: NDArray[np.generic], *, clips: str, feature: PluginConfig) -> None:
        there = (self._folder / key).exists()  # another process was quicker
        if not there and self._make_room(features.nbytes + MARGIN):
            with building(self._folder / key) as place:
                place.mkdir()
                np.save(place / FEATURES, features, allow_pickle=False)
                manifest = FeatureManifest(clips=clips, feature=feature, sum=file_sum(place / FEATURES))
                (place / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
                mark_used(place)
            self._forget(key)

    def entries(self) -> list[Entry]:
        """What is in the store, least recently used first."""
        found = []
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(OSError):  # another process has just removed it
                if KEY.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                    size = sum(file.stat().st_size for file in folder.iterdir())
                    found.append(Entry(folder, size, folder.stat().st_mtime))
        return sorted(found, key=lambda entry: entry.used)

    def _make_room(self, size: int) -> bool:
        """Removes what was used longest ago until `size` bytes fit; False, and nothing is removed, where they never do."""
        entries = self.entries()
        taken = sum(entry.size for entry in entries)
        limit = self._limit
        if limit is None:
            limit = min(MOST, (shutil.disk_usage(self._folder).free + taken) // SHARE)
        if size > limit:
            return False
        for entry in entries:
            if taken + size <= limit:
                break
            discard(entry.folder)
            taken -= entry.size
        return True

    def _forget(self, key: str) -> None:
        """Removes the mark of this key, so that an entry that is crowded out is asked for twice again, and old marks."""
        for marker in self._folder.glob("*.asked"):
            with suppress(OSError):
                if marker.stem == key or time.time() - marker.stat().st_mtime > ASKED_SECONDS:
                    marker.unlink()


def read_manifest(folder: Path) -> FeatureManifest | None:
    """What an entry holds; None where it cannot be read."""
    try:
        return FeatureManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None


_checked: dict[Path, tuple[int, int]] = {}
"""Size and time of the files of which this process has checked every byte."""


def _check(path: Path, expected: FileSum) -> None:
    """Raises Corrupt where a file is not what its manifest says, and OSError. Every byte is read once a process."""
    status = path.stat()
    stamp = (status.st_ino, status.st_mtime_ns)
    if status.st_size != expected.size or (_checked.get(path) != stamp and file_sum(path) != expected):
        raise Corrupt(f"{path.name} has a wrong checksum")
    _checked[path] = stamp

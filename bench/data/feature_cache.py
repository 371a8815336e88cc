"""The feature cache: features of whole splits on disk, shared by trials, bounded in size, least recently used out first.

    features/3f0c.../manifest.json    names the clips and the feature, and has the checksum of features.npy
    features/3f0c.../features.npy     a numpy file that all workers map, so that they share its pages
    features/77d1....asked            marks features that were asked for once and are not cached yet

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

from bench.data.checksums import Corrupt, FileSum, file_sum, verify_file
from bench.data.folders import building, discard, mark_used
from bench.data.waveform_cache import MANIFEST
from bench.errors import BenchError
from bench.locks import Locked, NoLocks, lock
from bench.plugins import PluginConfig
from bench.sizes import parse_size

FOLDER = "features"
"""Name of the feature cache's folder in the cache folder."""
FEATURES = "features.npy"
LIMIT = "BENCH_FEATURE_CACHE"
"""Environment variable that bounds the feature cache, as in 5GB; 0 turns it off."""
DEFAULT_LIMIT = 20 * 10**9
"""Bytes that the feature cache takes at most if no limit is given."""
DISK_SHARE = 10
"""If no limit is given, the feature cache takes at most one part in so many of the free disk."""
MARGIN = 2**14
"""Bytes that an entry takes at most beside its numbers."""
ASKED_SECONDS = 7 * 24 * 3600
"""Seconds for which it is remembered that features were asked for once."""
KEY = re.compile(r"[0-9a-f]{32}")


class FeatureManifest(BaseModel):
    """Describes an entry of the feature cache."""

    model_config = ConfigDict(frozen=True)
    clips: str
    """Human-readable name of the clips: folder of the decoded audio, split, and how they were cut."""
    feature: PluginConfig
    sum: FileSum


@dataclass(frozen=True)
class Entry:
    """Features in the cache."""

    folder: Path
    size: int
    """Bytes."""
    used: float
    """Time of the last use, in seconds since 1970."""


def feature_limit() -> int | None:
    """Bytes that BENCH_FEATURE_CACHE allows; None if it is not set. Raises BenchError if it is no size."""
    limit = os.environ.get(LIMIT)
    return parse_size(limit, where=LIMIT) if limit else None


class FeatureCache:
    """The feature cache in one cache folder. Several processes may use it at once."""

    def __init__(self, cache_dir: Path, *, limit: int | None) -> None:
        """Opens the feature cache.

        Args:
            cache_dir: Folder of all caches.
            limit: Bytes that it may take: 0 turns it off, None stands for a part of the free disk.
        """
        self._folder = cache_dir / FOLDER
        self._limit = limit

    def read(self, key: str) -> NDArray[np.generic] | None:
        """Maps the features of a key into memory; None if they are not cached. A damaged entry is removed."""
        folder = self._folder / key
        if self._limit == 0 or not folder.is_dir():
            return None
        try:
            manifest = FeatureManifest.model_validate_json((folder / MANIFEST).read_bytes())
            verify_file(folder / FEATURES, manifest.sum, once=True)
            features = np.load(folder / FEATURES, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, Corrupt):  # or another process has just removed it
            with suppress(BenchError):
                discard(folder)
            return None
        mark_used(folder)
        return np.asarray(features)

    def asked_before(self, key: str) -> bool:
        """Tells whether any process has asked for these features before, and remembers that this one has."""
        marker = self._folder / f"{key}.asked"
        if self._limit == 0:
            return False
        try:
            before = marker.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            marker.touch()
        except OSError:  # nothing is written into a read-only cache
            return False
        return before

    def write(self, key: str, features: NDArray[np.generic], *, clips: str, feature: PluginConfig) -> None:
        """Caches features, removing those used longest ago if they need space.

        They are not cached, and nothing is raised, if another process is writing, if they are larger than the limit, or if
        the folder or the disk refuses: they are then computed again the next time.

        Args:
            key: 32 hex digits that name the features.
            features: Features of a whole split, [clips, ...].
            clips: Human-readable name of the clips.
            feature: The feature that computed them.
        """
        with suppress(OSError, BenchError, Locked, NoLocks):
            self._folder.mkdir(parents=True, exist_ok=True)
            with lock(self._folder / ".lock"):
                self._write(key, features, clips=clips, feature=feature)

    def _write(self, key: str, features: NDArray[np.generic], *, clips: str, feature: PluginConfig) -> None:
        exists = (self._folder / key).exists()  # another process was quicker
        if not exists and self._free_space(features.nbytes + MARGIN):
            with building(self._folder / key) as folder:
                folder.mkdir()
                np.save(folder / FEATURES, features, allow_pickle=False)
                manifest = FeatureManifest(clips=clips, feature=feature, sum=file_sum(folder / FEATURES))
                (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
                mark_used(folder)
            self._forget(key)

    def entries(self) -> list[Entry]:
        """Lists what is cached, least recently used first."""
        entries = []
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(OSError):  # another process has just removed it
                if KEY.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                    size = sum(file.stat().st_size for file in folder.iterdir())
                    entries.append(Entry(folder, size, folder.stat().st_mtime))
        return sorted(entries, key=lambda entry: entry.used)

    def _free_space(self, size: int) -> bool:
        """Removes what was used longest ago until `size` bytes fit; returns False and removes nothing if they never do."""
        entries = self.entries()
        taken = sum(entry.size for entry in entries)
        limit = self._limit
        if limit is None:
            limit = min(DEFAULT_LIMIT, (shutil.disk_usage(self._folder).free + taken) // DISK_SHARE)
        if size > limit:
            return False
        for entry in entries:
            if taken + size <= limit:
                break
            discard(entry.folder)
            taken -= entry.size
        return True

    def _forget(self, key: str) -> None:
        """Removes old marks and that of this key, so that features that are removed must be asked for twice again."""
        for marker in self._folder.glob("*.asked"):
            with suppress(OSError):
                if marker.stem == key or time.time() - marker.stat().st_mtime > ASKED_SECONDS:
                    marker.unlink()


def read_manifest(folder: Path) -> FeatureManifest | None:
    """Reads the manifest of an entry; None if it cannot be read."""
    try:
        return FeatureManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None

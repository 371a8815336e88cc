"""Lists what is in the cache folder, and clears it. Folders of other programs are neither listed nor touched, and no link is
followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.data.feature_cache import FOLDER, KEY, read_manifest
from bench.data.folders import discard
from bench.data.waveform_cache import MANIFEST, Manifest
from bench.locks import Locked, NoLocks, lock

Kind = Literal["audio", "augmented", "features"]
AUDIO_FOLDER = re.compile(
    r"(?P<dataset>.+)-(?P<key>[0-9a-f]{16})-(?P<rate>\d+)(?P<augmented>-augmented-[0-9a-f]{12})?", re.ASCII
)
"""Name of a folder of decoded audio, or of augmented copies."""
NODES = "nodes"
"""Folder of the data that was sent to a node of a cluster; its layout is that of the cache folder."""


@dataclass(frozen=True)
class CachedFolder:
    """One folder of the cache. It can be made again."""

    kind: Kind
    dataset: str
    what: str
    """What distinguishes it from others of its kind: its sample rate, or its feature and split."""
    clips: int | None
    """Number of clips; None for features."""
    size: int
    """Bytes on disk."""
    used: float
    """Time of the last use, in seconds since 1970."""
    folder: Path


def cache_contents(cache_dir: Path) -> list[CachedFolder]:
    """Lists all folders of decoded audio, augmented copies and features, least recently used first."""
    cache_dir = cache_dir.resolve()
    parents = (cache_dir, cache_dir / NODES)
    items = [item for parent in parents for item in (*_audio(parent), *_features(parent / FOLDER))]
    return sorted(items, key=lambda item: item.used)


def remove(item: CachedFolder) -> bool:
    """Removes a folder of the cache.

    Returns:
        Whether it was removed: not if a running study uses its audio. Features are always removed, since a process that
        has some mapped can go on reading them.

    Raises:
        BenchError: The folder cannot be written to.
    """
    audio = item.folder
    if item.kind == "augmented":
        audio = audio.with_name(audio.name.rpartition("-augmented-")[0])
    if item.kind == "features" or not audio.is_dir():  # the decoded audio of augmented copies is gone
        discard(item.folder)
        return True
    try:
        with lock(audio):
            discard(item.folder)
    except (Locked, NoLocks, PermissionError):
        return False
    return True


def remove_outdated(folder: Path, listing: str) -> None:
    """Removes decoded audio beside `folder` that is of the same files before they changed, unless a running study uses it.

    Args:
        folder: Folder of decoded audio that has just been made.
        listing: What files it was made of, see `DatasetFiles.listing`.
    """
    named = AUDIO_FOLDER.fullmatch(folder.name)
    for other in _folders(folder.parent) if named else []:
        of_other = AUDIO_FOLDER.fullmatch(other.name)
        if named is None or of_other is None or other == folder or of_other.group("augmented"):
            continue
        if (of_other["dataset"], of_other["rate"]) != (named["dataset"], named["rate"]):
            continue
        with suppress(OSError, ValueError, Locked, NoLocks):
            if Manifest.model_validate_json((other / MANIFEST).read_bytes()).listing == listing:
                with lock(other):
                    discard(other)


def _audio(parent: Path) -> Iterator[CachedFolder]:
    for folder in _folders(parent):
        named = AUDIO_FOLDER.fullmatch(folder.name)
        if named is None:
            continue
        try:
            metadata = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).metadata
        except (OSError, ValidationError):  # of another program or version, or damaged and made again by the next run
            continue
        yield CachedFolder(
            kind="augmented" if named["augmented"] else "audio",
            dataset=named["dataset"],
            what=f"{int(named['rate']):,} Hz",
            clips=sum(sum(of_class) for of_class in metadata.supports.values()),
            size=_size(folder),
            used=folder.stat().st_mtime,
            folder=folder,
        )


def _features(parent: Path) -> Iterator[CachedFolder]:
    for folder in _folders(parent):
        if not KEY.fullmatch(folder.name) or (manifest := read_manifest(folder)) is None:
            continue
        clips, _, split = manifest.clips.partition(" ")
        named = AUDIO_FOLDER.fullmatch(clips)
        yield CachedFolder(
            kind="features",
            dataset=named["dataset"] if named else clips,
            what=f"{manifest.feature.name}, {split}",
            clips=None,
            size=_size(folder),
            used=folder.stat().st_mtime,
            folder=folder,
        )


def _folders(parent: Path) -> list[Path]:
    if parent.is_symlink() or not parent.is_dir():
        return []
    return [folder for folder in sorted(parent.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def _size(folder: Path) -> int:
    """Bytes that removing the folder frees; the padding of clips takes none."""
    return sum(512 * file.lstat().st_blocks for file in folder.rglob("*"))

"""What stands in the cache folder, and how it is cleared away. What is not known to be ours is neither shown nor touched,
and no link is followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.data.feature_cache import FOLDER, KEY, read_manifest
from bench.data.folders import discard
from bench.data.waveform_cache import MANIFEST, Manifest
from bench.locks import Locked, NoLocks, lock

Kind = Literal["audio", "copies", "features"]
KINDS: tuple[Kind, ...] = ("audio", "copies", "features")
AUDIO = re.compile(r"(?P<dataset>.+)-(?P<key>[0-9a-f]{16})-(?P<rate>\d+)(?P<copies>-copies-[0-9a-f]{12})?", re.ASCII)
"""Name of a folder of decoded audio, or of augmented copies."""
NODES = "nodes"
"""Folder of what a node of a cluster was sent; laid out as the cache folder is."""


@dataclass(frozen=True)
class CachedFolder:
    """One folder that can be made again."""

    kind: Kind
    dataset: str
    what: str
    """Of which kind, in a few words: its rate, its feature."""
    clips: int | None
    """None for features."""
    size: int
    """Bytes on disk."""
    used: float
    """When it was used last, in seconds since 1970."""
    folder: Path


def cache_contents(cache_dir: Path) -> list[CachedFolder]:
    """Everything of ours, least recently used first."""
    cache_dir = cache_dir.resolve()
    folders = (cache_dir, cache_dir / NODES)
    found = [item for folder in folders for item in (*_audio(folder), *_features(folder / FOLDER))]
    return sorted(found, key=lambda item: item.used)


def clear(item: CachedFolder) -> bool:
    """Removes a folder, unless a running study uses it or that cannot be known. Returns whether it did.

    Features are always removed, since whoever reads some can go on reading.

    Raises:
        BenchError: If the folder cannot be written to.
    """
    audio = item.folder
    if item.kind == "copies":
        audio = audio.with_name(audio.name.rpartition("-copies-")[0])
    if item.kind == "features" or not audio.is_dir():  # copies whose decoded audio is gone
        discard(item.folder)
        return True
    try:
        with lock(audio):
            discard(item.folder)
    except (Locked, NoLocks, PermissionError):
        return False
    return True


def _audio(parent: Path) -> Iterator[CachedFolder]:
    for folder in _folders(parent):
        named = AUDIO.fullmatch(folder.name)
        if named is None:
            continue
        try:
            facts = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).facts
        except (OSError, ValidationError):  # another program's, or damaged, which the next run makes again
            continue
        yield CachedFolder(
            kind="copies" if named["copies"] else "audio",
            dataset=named["dataset"],
            what=f"{int(named['rate']):,} Hz",
            clips=sum(sum(of_class) for of_class in facts.supports.values()),
            size=_size(folder),
            used=folder.stat().st_mtime,
            folder=folder,
        )


def _features(store: Path) -> Iterator[CachedFolder]:
    for folder in _folders(store):
        if not KEY.fullmatch(folder.name) or (manifest := read_manifest(folder)) is None:
            continue
        clips, _, split = manifest.clips.partition(" ")
        named = AUDIO.fullmatch(clips)
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
    """Bytes that removing it frees: the padding of clips takes none."""
    return sum(512 * file.lstat().st_blocks for file in folder.rglob("*"))

"""A data set of one's own: a folder of audio files, sorted into a folder per class."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from bench.plugins import (
    AUDIO_SUFFIXES,
    FOREIGN_AUDIO_SUFFIXES,
    BenchError,
    Clip,
    Cut,
    Dataset,
    Listing,
    Split,
)

SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Names that say which split a folder holds, in lower case."""


class Folder(Dataset):
    """A folder per class, as in `folder:recordings/` with `recordings/cat/1.wav`. Class names are the folders' names.

    Folders named train, validation (valid, val, dev) and test, above or below those of the classes, are the official split.
    What they leave open, or all of it where there are none, is cut off the training clips: by class, with whole groups.
    """

    name: ClassVar[str] = "folder"
    argument: ClassVar[str | None] = "path"
    argument_is_path: ClassVar[bool] = True
    noise_folder: ClassVar[str | None] = "_background_noise_"
    source: ClassVar[str] = "your own recordings"

    path: str
    """The folder."""

    validation: float = Field(0.15, ge=0, lt=1)
    """Share of the clips that is cut off for validation, where no folder is named so."""

    test: float = Field(0.15, ge=0, lt=1)
    """Share of the clips that is cut off for the test, where no folder is named so."""

    seed: int = Field(0, ge=0)
    """Seed of the split that is made here."""

    group: str | None = None
    r"""A regular expression, searched in every file name; its first group names the clip's group, such as the speaker in
    `group=^(\w+)_`. Clips of one group stay in one split."""

    clip_seconds: float | None = Field(None, gt=0)
    """Clip length in seconds: shorter clips get zeros, longer ones are cut; None: the longest clip's, or what 95 % do not
    exceed if that is less than half of it, 30 s at most."""

    cut: bool = False
    """Cut recordings longer than `clip_seconds` into consecutive clips of that length, rather than off there. The clips of
    a recording stay in one split."""

    @model_validator(mode="after")
    def _cut_to_a_length(self) -> Self:
        if self.cut and self.clip_seconds is None:
            raise ValueError("cut needs clip_seconds, the length of the clips")
        return self

    @field_validator("group")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if not groups:
            raise ValueError(r"needs a group in parentheses, as in ^(\w+)_")
        return pattern

    def root(self, data_dir: Path) -> Path:
        return Path(self.path).expanduser()

    def seconds(self) -> float | None:
        return self.clip_seconds

    def cuts_recordings(self) -> bool:
        return self.cut

    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({file.label for file in self._scan(self.root(Path())).files}))

    def clips(self, root: Path) -> Listing:
        scan = self._scan(root)
        clips = tuple(Clip(file.path, file.label, file.split, group=self._group(file.path)) for file in scan.files)
        return Listing(
            clips, notes=(*scan.notes, *self._ungrouped(clips)), cut=Cut(self.validation, self.test, self.seed)
        )

    def _group(self, path: str) -> str | None:
        match = re.search(self.group, path.rsplit("/", 1)[-1]) if self.group is not None else None
        return match[1] if match else None

    def _ungrouped(self, clips: Sequence[Clip]) -> Iterator[str]:
        without = [clip.path for clip in clips if clip.group is None]
        if self.group is not None and without:
            yield f"{len(without):,} of {len(clips):,} file names do not match group={self.group}: the first is {without[0]}"

    def _scan(self, root: Path) -> _Scan:
        """Raises BenchError where there is no such folder, or no audio file in folders below it."""
        if not root.is_dir():
            raise BenchError(f"data set {self.name}: there is no folder {root}: check the path")
        every = [path for path in _audio_files(root) if path.split("/")[0] != self.noise_folder]
        paths = [path for path in every if _suffix(path) in AUDIO_SUFFIXES]
        inside = [path for path in paths if "/" in path]
        foreign = sorted({_suffix(path) for path in every} - AUDIO_SUFFIXES)
        if not inside and foreign:
            raise BenchError(f"{root} holds only audio that cannot be read ({', '.join(foreign)}): convert it to wav")
        if not inside:
            raise BenchError(f"{root} holds no audio in folders: put each class's files into a folder of its name")
        notes = _left_out(len(every) - len(paths), f"that cannot be read ({', '.join(foreign)}; convert to wav)")
        notes += _left_out(len(paths) - len(inside), "outside any folder")
        split_words = {part.lower() for path in inside for part in _folders(path)} & SPLIT_FOLDERS.keys()
        splits = {SPLIT_FOLDERS[word] for word in split_words}
        # A class may be named `train`, too: one such name alone, or none for training, is no split.
        if not ("train" in splits and len(splits) > 1):
            return _Scan(_labelled(inside, official=False), notes)
        official = [path for path in inside if any(part.lower() in SPLIT_FOLDERS for part in _folders(path))]
        notes += _left_out(len(inside) - len(official), "outside the folders of the splits")
        return _Scan(_labelled(official, official=True), notes)


@dataclass(frozen=True)
class _File:
    path: str
    label: str
    split: Split


@dataclass(frozen=True)
class _Scan:
    files: tuple[_File, ...]
    notes: tuple[str, ...]


def _audio_files(root: Path) -> list[str]:
    """Paths below `root` with forward slashes, sorted; links are followed, hidden files and macOS's own are none.

    Files of kinds that cannot be read are among them, so that they can be told of.
    """
    kinds = AUDIO_SUFFIXES | FOREIGN_AUDIO_SUFFIXES
    paths: list[str] = []
    walked: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        walked.add(os.path.realpath(folder))
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and name != "__MACOSX"
            and os.path.realpath(Path(folder, name)) not in walked  # a link back up would be followed for ever
        )
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        paths += [prefix + name for name in names if name[0] != "." and _suffix(name) in kinds]
    return sorted(paths)


def _suffix(name: str) -> str:
    """The ending in lower case, with its dot."""
    return f".{name.rpartition('.')[2].lower()}"


def _labelled(paths: Sequence[str], *, official: bool) -> tuple[_File, ...]:
    """The class of a file is its first folder, once those of the splits and those that hold everything are left out."""
    splits: list[Split] = []
    folders: list[list[str]] = []
    for path in paths:
        parts = _folders(path)
        words = [part for part in parts if official and part.lower() in SPLIT_FOLDERS]
        if words:
            parts.remove(words[0])
        splits.append(SPLIT_FOLDERS[words[0].lower()] if words else "train")
        folders.append(parts)
    while all(len(parts) > 1 for parts in folders) and len({parts[0] for parts in folders}) == 1:
        folders = [parts[1:] for parts in folders]
    for path, parts in zip(paths, folders, strict=True):
        if not parts:
            raise BenchError(
                f"{path} lies in the folder of a split but in none of a class: move it into its class's folder"
            )
    # One name may be spelt in two ways, é as one character or as two: macOS does, and its archives.
    labels = [unicodedata.normalize("NFC", parts[0]) for parts in folders]
    return tuple(_File(path, label, split) for path, label, split in zip(paths, labels, splits, strict=True))


def _folders(path: str) -> list[str]:
    return path.split("/")[:-1]


def _left_out(count: int, where: str) -> tuple[str, ...]:
    return (f"{count:,} audio file{'' if count == 1 else 's'} {where}: left out",) if count else ()

"""A data set of one's own: a folder of audio files, sorted into a folder per class."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from bench.plugins import (
    AUDIO_SUFFIXES,
    BenchError,
    Clip,
    Cut,
    Dataset,
    Listing,
    Split,
    taking_classes,
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
        """Raises BenchError where there is no such folder, no audio in folders below it, or a class would have none."""
        walked = _walk(root, self.name, self.noise_folder)
        inside = [path for path in walked.audio if "/" in path]
        if not inside and walked.unused:
            raise BenchError(
                f"{root} holds no audio in folders, only files of kinds that are not read ({_by_kind(walked.unused)}): "
                "convert recordings to wav"
            )
        if not inside:
            raise BenchError(f"{root} holds no audio in folders: put each class's files into a folder of its name")
        notes = _left_out(len(walked.audio) - len(inside), "outside any folder")
        split_words = {part.lower() for path in inside for part in _folders(path)} & SPLIT_FOLDERS.keys()
        splits = {SPLIT_FOLDERS[word] for word in split_words}
        # A class may be named `train`, too: one such name alone, or none for training, is no split.
        official = "train" in splits and len(splits) > 1
        used = [p for p in inside if not official or any(part.lower() in SPLIT_FOLDERS for part in _folders(p))]
        notes += _left_out(len(inside) - len(used), "outside the folders of the splits")
        files = _labelled(used, walked.barren, official=official)
        with_clips = {file.label for file in files if file.path}
        for empty in files:
            if not empty.path and empty.label not in with_clips and self.takes(empty.label):
                kinds = [kind for path, kind in walked.unused if empty.label in _folders(path)]
                raise BenchError(
                    f"class {empty.label} would have no clip: its folder in {root} holds "
                    f"{f'only what is not read ({_by_kind(kinds)})' if kinds else 'nothing'}: add recordings (as wav), move "
                    f"the folder elsewhere, or name the classes to take by {taking_classes(sorted(with_clips))}"
                )
        unused = [kind for path, kind in walked.unused if "/" in path]
        if unused:
            notes += (
                f"{len(unused):,} file{'' if len(unused) == 1 else 's'} of kinds that are not read ({_by_kind(unused)}): "
                "left out; convert recordings among them to wav",
            )
        return _Scan(tuple(file for file in files if file.path), notes)


@dataclass(frozen=True)
class _File:
    path: str
    """Empty for what only says that there is a folder of this class."""
    label: str
    split: Split


@dataclass(frozen=True)
class _Scan:
    files: tuple[_File, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Walked:
    """What lies below a folder, by paths with forward slashes, sorted."""

    audio: tuple[str, ...]
    unused: tuple[tuple[str, str], ...]
    """Path and kind of all else: its ending, or what it is."""
    barren: tuple[str, ...]
    """Folders without any audio, also in those below them."""


def _walk(root: Path, dataset: str, noise_folder: str | None) -> _Walked:
    """Looks at all that lies below `root`; links are followed, hidden files and those of operating systems are none.

    Raises:
        BenchError: A folder is missing, or may not be read: a class would be missed without a word.
    """

    def refuse(error: OSError) -> None:
        name = os.path.relpath(error.filename, root)
        what = str(root) if name == "." else f"{name} in {root}"
        raise BenchError(
            f"data set {dataset}: {what} cannot be read ({error.strerror}): allow it, or move it elsewhere"
        ) from error

    if not os.path.lexists(root) or (os.access(root.parent, os.X_OK) and not root.is_dir()):
        raise BenchError(f"data set {dataset}: there is no folder {root}: check the path")
    audio: list[str] = []
    unused: list[tuple[str, str]] = []
    folders: list[str] = []
    above = {str(root): {os.path.realpath(root)}}
    """Where each folder and those that it was reached by really lie."""
    for folder, below, names in os.walk(root, followlinks=True, onerror=refuse):
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and name not in FOREIGN_FOLDERS
            and (prefix or name != noise_folder)
            and os.path.realpath(Path(folder, name)) not in above[folder]  # a link back up would be followed for ever
        )
        for name in below:
            inner = os.path.join(folder, name)  # noqa: PTH118 (as os.walk spells it)
            above[inner] = {*above[folder], os.path.realpath(inner)}
        folders += [prefix + name for name in below]
        for name in names:
            if name.startswith("."):
                continue
            kind = _kind(os.path.join(folder, name), refuse)  # noqa: PTH118 - several times as fast
            if kind in AUDIO_SUFFIXES:
                audio.append(prefix + name)
            else:
                unused.append((prefix + name, kind))
                if kind == DANGLING and "." not in name:
                    folders.append(prefix + name)  # as of a class that was elsewhere
    fertile = {"/".join(parts[:depth]) for parts in map(_folders, audio) for depth in range(1, len(parts) + 1)}
    barren = sorted(folder for folder in folders if folder not in fertile)
    return _Walked(tuple(sorted(audio)), tuple(sorted(unused)), tuple(barren))


DANGLING = "link to nothing"
FOREIGN_FOLDERS = {"__MACOSX", "lost+found", "System Volume Information", "$RECYCLE.BIN", "@eaDir"}
"""Folders that operating systems put beside people's."""


def _kind(path: str, refuse: Callable[[OSError], None]) -> str:
    """The ending of a regular file's name, and of all else what it is."""
    suffix = _suffix(path)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - several times as fast, for each of 65,000 files
    except FileNotFoundError:
        return suffix if suffix in AUDIO_SUFFIXES else DANGLING  # an audio file that is missing is said as such
    except OSError as error:
        refuse(error)
        raise
    if stat.S_ISREG(mode):
        return suffix
    return next((kind for is_it, kind in ((stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket")) if is_it(mode)), "device")


def _by_kind(kinds: Sequence[str] | Sequence[tuple[str, str]]) -> str:
    """`12 .m4b, 1 FIFO`."""
    counts = Counter(kind if isinstance(kind, str) else kind[1] for kind in kinds)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _suffix(name: str) -> str:
    """The ending in lower case, with its dot."""
    stem, dot, ending = name.rpartition("/")[2].rpartition(".")
    return f".{ending.lower()}" if stem and dot else "without an ending"


def _labelled(paths: Sequence[str], barren: Sequence[str], *, official: bool) -> tuple[_File, ...]:
    """The class of a file is its first folder, once those of the splits and those that hold everything are left out.

    Args:
        paths: Paths of files.
        barren: Folders without files, of which some are those of classes.
        official: Whether folders of splits are among theirs.
    """
    parted = [_without_split(_folders(path), official) for path in paths]
    folders = [parts for parts, _ in parted]
    above: list[str] = []
    while all(len(parts) > 1 for parts in folders) and len({parts[0] for parts in folders}) == 1:
        above.append(folders[0][0])
        folders = [parts[1:] for parts in folders]
    for path, parts in zip(paths, folders, strict=True):
        if not parts:
            raise BenchError(
                f"{path} lies in the folder of a split but in none of a class: move it into its class's folder"
            )
    # One name may be spelt in two ways, é as one character or as two: macOS does, and its archives.
    labels = [unicodedata.normalize("NFC", parts[0]) for parts in folders]
    files = [_File(path, label, split) for path, label, (_, split) in zip(paths, labels, parted, strict=True)]
    for folder in barren:
        parts, split = _without_split(folder.split("/"), official)
        in_split = not official or len(parts) < len(folder.split("/"))
        if in_split and parts[: len(above)] == above and len(parts) > len(above):
            files.append(_File("", unicodedata.normalize("NFC", parts[len(above)]), split))
    return tuple(files)


def _without_split(parts: list[str], official: bool) -> tuple[list[str], Split]:
    """The folders of a path but for the first that is a split's, and the split."""
    words = [part for part in parts if official and part.lower() in SPLIT_FOLDERS]
    if not words:
        return parts, "train"
    at = parts.index(words[0])
    return [*parts[:at], *parts[at + 1 :]], SPLIT_FOLDERS[words[0].lower()]


def _folders(path: str) -> list[str]:
    return path.split("/")[:-1]


def _left_out(count: int, where: str) -> tuple[str, ...]:
    return (f"{count:,} audio file{'' if count == 1 else 's'} {where}: left out",) if count else ()

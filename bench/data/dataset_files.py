"""The files that a data set lists, checked and dated before any audio is opened."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.data.decoding import noise_files
from bench.data.waveform_cache import FORMAT
from bench.errors import BenchError, did_you_mean, taking_classes
from bench.plugins import Clip, Dataset, Listing, Split
from bench.plugins.contracts import SPLITS

FileStamp = tuple[int, int, int, int]
"""Of a file: size in bytes, dates of its content and of its entry in nanoseconds, and inode. The last two tell a file that
was moved or copied over another with size and date kept; one that is merely touched is decoded again: the same revision."""


@dataclass(frozen=True)
class DatasetFiles:
    """The clips that a data set lists and whose files exist, and the key of their cache."""

    dataset: Dataset
    root: Path
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    """The clips whose files exist, sorted by path and start."""
    missing: tuple[str, ...]
    """Paths of the files that are listed and do not exist."""
    key: str
    """16 hex digits over everything that the cache is made from, by the stamps of the files."""
    listing: str
    """16 hex digits over the folder, its clips and the options, whatever their files hold: caches with one of these and
    other keys are of files that have changed."""


def check_files(
    dataset: Dataset, root: Path, labels: tuple[str, ...], listing: Listing, *, validated: bool = True
) -> DatasetFiles:
    """Checks a data set's listing, and looks up the stamps of its files.

    Args:
        dataset: The data set.
        root: Its folder.
        labels: Its classes.
        listing: Its clips.
        validated: Whether the listing is to have validation clips; otherwise they are cut off the training clips later.

    Raises:
        BenchError: A label is unknown, a name is not in UTF-8, a clip is listed twice, or a class or the validation split
            has no clips.
    """
    clips = sorted(listing.clips, key=lambda clip: (clip.path, clip.start, clip.end or 0.0, clip.label, clip.split))
    refuse_unreadable_names(dataset.name, clips)
    refuse_repetitions(dataset.name, clips)
    known = set(labels)
    unknown = [clip for clip in clips if clip.label not in known]
    if unknown:
        raise BenchError(
            f"data set {dataset.name}: {unknown[0].id} has the unknown label {unknown[0].label!r}: "
            + did_you_mean(unknown[0].label, labels)
        )
    stamps = {path: _stamp(root, path) for path in dict.fromkeys(clip.path for clip in clips)}
    present = tuple(clip for clip in clips if stamps[clip.path] is not None)
    missing = (*listing.missing, *(path for path, stamp in stamps.items() if stamp is None))
    check_classes(dataset.name, labels, count_supports(labels, present), validated=validated)
    noise = [path.relative_to(root).as_posix() for path in noise_files(root, dataset.noise_folder)]
    options = [
        f"{FORMAT} {dataset.config().model_dump_json()} {dataset.seconds()} {labels}",
        *(("recordings are cut",) if dataset.cuts_recordings() else ()),
    ]
    key = _digest(
        *options,
        *(f"{clip} {stamps[clip.path]}" for clip in present),
        *(f"{path} {_stamp(root, path)}" for path in noise),
    )
    listing_key = _digest(str(root.resolve()), *options, *map(str, present), *noise)
    return DatasetFiles(dataset, root, labels, present, missing, key, listing_key)


def _digest(*lines: str) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def refuse_repetitions(dataset: str, clips: Iterable[Clip]) -> None:
    """Raises BenchError for a clip with sound that is listed twice: it would be learnt and tested, or have two labels."""
    times = Counter(clip.id for clip in clips if not clip.silent)
    repeated = [id for id, count in times.items() if count > 1]
    if repeated:
        raise BenchError(
            f"data set {dataset}: {repeated[0]} is listed {times[repeated[0]]:,} times: "
            "a clip has one label and one split, leave out the others"
        )


def refuse_unreadable_names(dataset: str, clips: Sequence[Clip]) -> None:
    """Raises BenchError for a name in another encoding, which Python holds as lone surrogates that no result could store."""
    for clip in clips:
        if any("\ud800" <= character <= "\udfff" for character in clip.path + clip.label):
            raise BenchError(f"data set {dataset}: {_not_read(clip.path)}")


def _stamp(root: Path, path: str) -> FileStamp | None:
    try:
        status = os.stat(os.path.join(root, path))  # noqa: PTH116, PTH118 - several times as fast, for each of 65,000 files
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def count_supports(labels: Sequence[str], clips: Iterable[Clip]) -> dict[Split, tuple[int, ...]]:
    """Counts the clips of every class, in the order of `labels`, by split."""
    counts = Counter((clip.split, clip.label) for clip in clips)
    return {split: tuple(counts[split, label] for label in labels) for split in SPLITS}


def _without(labels: Sequence[str], supports: Mapping[Split, Sequence[int]]) -> str:
    """How the classes are left out that cannot be learnt."""
    others = [
        label
        for index, label in enumerate(labels)
        if supports["train"][index] and sum(supports[split][index] for split in SPLITS) > 1
    ]
    return f"leave it out by {taking_classes(others)}"


def check_classes(
    name: str, labels: Sequence[str], supports: Mapping[Split, Sequence[int]], *, validated: bool = True
) -> None:
    """Raises BenchError if a class cannot be learnt, or if there is nothing to validate on, unless that is still cut."""
    for index, label in enumerate(labels):
        total = sum(supports[split][index] for split in SPLITS)
        if total == 1:
            raise BenchError(
                f"data set {name}: class {label} has a single clip: add clips, or {_without(labels, supports)}"
            )
        if not supports["train"][index]:
            raise BenchError(
                f"data set {name}: class {label} has no training clip: add some, or {_without(labels, supports)}"
            )
    if len(labels) < 2:
        raise BenchError(
            f"data set {name} has {len(labels)} class, and classifying takes two: is the folder the right one?"
        )
    if validated and not sum(supports["validation"]):
        raise BenchError(f"data set {name} has no validation clips, by which models are chosen: add a validation split")


def _not_read(path: str) -> str:
    """Why a name holds bytes that are no characters, and what to do: it may be the terminal's, and not the file's, fault."""
    with suppress(UnicodeDecodeError):
        os.fsencode(path).decode()
        return f"this terminal's language setting cannot read the name of {path!a}: set PYTHONUTF8=1"
    return f"the name of {path!a} is not in UTF-8: rename it, or all at once with convmv"

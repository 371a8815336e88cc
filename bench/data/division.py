"""Applies a division to decoded clips: which rows of which file are a split, and what is known of every outer fold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset_files import check_classes
from bench.data.decoding import LONGEST_SECONDS, USUAL_SHARE, rounded_up, usual_length
from bench.data.leakage import ListedClip, alike_groups, clips_of, leaks
from bench.data.outer_folds import DividedClips, OuterFold, divide
from bench.data.prepared import Division, FoldData, PreparedData
from bench.data.waveform_cache import ClipIndex, Metadata, read_index
from bench.plugins import Cut, Dataset, Listing, Split
from bench.plugins.contracts import SPLITS

DIVIDED: Split = "train"
"""The file whose clips are divided."""


@dataclass(frozen=True)
class Divided:
    """The outer folds of a data set."""

    folds: tuple[FoldData, ...]
    revision: str
    """16 hex digits over every clip and the division."""
    notes: tuple[str, ...]
    """Human-readable lines on what was cut, and on what several splits share."""


def division_of(listing: Listing, protocol: str) -> Division | None:
    """Returns how the clips of a data set are divided; None if their official split is complete and used as it is."""
    cut = listing.cut or Cut()
    if protocol != "official":
        return Division(protocol=protocol, cut=cut)
    present = {clip.split for clip in listing.clips}
    missing = replace(
        cut,
        validation=0.0 if "validation" in present else cut.validation,
        test=0.0 if "test" in present else cut.test,
    )
    if listing.cut is None or not (missing.validation or missing.test):
        return None
    return Division(protocol=protocol, cut=missing)


def divide_files(dataset: Dataset, folder: Path, metadata: Metadata, division: Division | None) -> Divided:
    """Divides the decoded clips, and checks that every fold can be learnt from.

    Args:
        dataset: The data set.
        folder: Folder of its decoded clips, at any rate.
        metadata: What decoding told.
        division: How they are divided, if they are.

    Raises:
        BenchError: The protocol does not suit the data set, or a class has no training clips in a fold.
    """
    index = {split: read_index(folder, split) for split in SPLITS}
    folds = [OuterFold("", np.zeros(0, dtype=np.int8))]
    if division is not None:
        folds = list(divide(_divided_clips(dataset.name, index[DIVIDED], metadata.labels), division))
    digest = hashlib.sha256(metadata.revision.encode())
    known: list[FoldData] = []
    notes = [*_cut_notes(division), *alike_groups(group for of_split in index.values() for group in of_split.groups)]
    for fold in folds:
        clips = list(_listed(index, fold, division, metadata.labels))
        supports = Counter((clip.split, clip.label) for clip in clips)
        where = f"{dataset.name}, outer fold {fold.name}" if fold.name else dataset.name
        of_split = {split: tuple(supports[split, label] for label in metadata.labels) for split in SPLITS}
        check_classes(where, metadata.labels, of_split)
        seconds = _seconds(dataset, clips, metadata.seconds)
        tested = {clip.group for clip in clips if clip.split == "test" and clip.group}
        known.append(
            FoldData(
                name=fold.name,
                seconds=seconds,
                supports=of_split,
                grouped={split: all(clip.group for clip in clips if clip.split == split) for split in SPLITS},
                known_groups=any(clip.group in tested for clip in clips if clip.split != "test"),
                test_twins=tuple(sorted(metadata.twins.twins_in({clip.id for clip in clips if clip.split != "test"}))),
            )
        )
        prefix = f"outer fold {fold.name}: " if fold.name else ""
        notes += [prefix + note for note in (*_length_notes(dataset, clips, seconds), *leaks(clips, metadata.twins))]
        digest.update(fold.name.encode() + fold.codes.tobytes())
    revision = metadata.revision if division is None else digest.hexdigest()[:16]
    return Divided(tuple(known), revision, tuple(notes))


def rows_of(folder: Path, prepared: PreparedData, split: Split) -> tuple[Split, NDArray[np.int64] | None]:
    """Says where the clips of a split are: the file, and their rows in it, or None for all of them.

    Raises OSError or ValueError if the decoded clips are gone.
    """
    division = prepared.division
    if division is None:
        return split, None
    if _is_whole(division, split):
        return split, None
    folds = _folds(folder, prepared.dataset.name, prepared.labels, division)
    return DIVIDED, folds[prepared.fold].rows(split)


def _is_whole(division: Division, split: Split) -> bool:
    """Whether a split is a file of its own beside the one that is divided."""
    shares = {"validation": division.cut.validation, "test": division.cut.test}
    return division.protocol == "official" and shares.get(split) == 0.0


@lru_cache(maxsize=8)
def _folds(folder: Path, name: str, labels: tuple[str, ...], division: Division) -> tuple[OuterFold, ...]:
    """The folds of a cache, which never changes once it is complete."""
    return divide(_divided_clips(name, read_index(folder, DIVIDED), labels), division)


def _divided_clips(name: str, index: ClipIndex, labels: tuple[str, ...]) -> DividedClips:
    return DividedClips(
        dataset=name,
        ids=index.ids,
        labels=[labels[target] for target in index.targets],
        groups=index.groups,
        families=index.families,
        folds=index.folds,
    )


def _listed(
    index: dict[Split, ClipIndex], fold: OuterFold, division: Division | None, labels: tuple[str, ...]
) -> Iterator[ListedClip]:
    for file, of_file in index.items():
        divided = division is not None and file == DIVIDED
        for row, id in enumerate(of_file.ids):
            yield ListedClip(
                id=id,
                label=labels[of_file.targets[row]],
                split=SPLITS[fold.codes[row]] if divided else file,
                group=of_file.groups[row],
                silent=of_file.silent[row],
                seconds=of_file.seconds[row],
            )


def _seconds(dataset: Dataset, clips: list[ListedClip], decoded: float) -> float:
    """The data set's own clip length, or what suits the clips that are not tested, up to what was decoded."""
    if dataset.seconds() is not None:
        return decoded
    return min(decoded, usual_length([clip.seconds for clip in clips if clip.split != "test"])) or decoded


def _length_notes(dataset: Dataset, clips: list[ListedClip], seconds: float) -> Iterator[str]:
    """Notes on clips that are longer than a clip length that the data set does not name, with the remedy."""
    if dataset.seconds() is not None:
        return
    longer = [clip for clip in clips if clip.seconds > seconds + 0.001]
    known = [clip.seconds for clip in longer if clip.split != "test"]
    if known:
        why = "the most if the data set names none"
        if seconds < LONGEST_SECONDS:
            why = f"which {USUAL_SHARE:.0%} of the clips of train and validation do not exceed"
        options = {"clip_seconds", "cut"} <= type(dataset).model_fields.keys()
        remedy = (
            f"; --set dataset.clip_seconds={rounded_up(max(known)):g} takes them whole, and --set dataset.clip_seconds="
            f"{seconds:g} --set dataset.cut=true cuts them into clips"
        )
        yield (
            f"clip length {seconds:g} s, {why}: {clips_of(len(known))} of them {'is' if len(known) == 1 else 'are'} cut "
            f"there, and the longest lasts {max(known):g} s{remedy if options else ''}"
        )
    tested = len(longer) - len(known)
    if tested:
        yield (
            f"{clips_of(tested)} of test {'is' if tested == 1 else 'are'} longer than {seconds:g} s, the clip length by "
            "train and validation: cut there"
        )


def _cut_notes(division: Division | None) -> Iterator[str]:
    if division is None:
        return
    cut = division.cut
    shares = {"validation": cut.validation, "test": cut.test}
    cut_off = [split for split, share in shares.items() if share]
    if division.protocol == "official":
        sizes = " and ".join(f"{shares[split]:.0%} for {split}" for split in cut_off)
        yield (
            f"no official {' and '.join(cut_off)} split: {sizes} cut from the training clips by class, with seed {cut.seed}"
        )

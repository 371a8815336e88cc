"""The contract of a data set: how it is had, its labels, and a listing that names every clip once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path, PurePosixPath
from typing import Any

from bench.errors import first_few
from bench.plugins.contract_tests.declaration import check_declaration
from bench.plugins.contract_tests.requirements import require
from bench.plugins.contracts import SPLITS, Clip, Dataset, Listing
from bench.plugins.splits import divided

SHA256 = re.compile(r"[0-9a-f]{64}")


def check_dataset(
    dataset: type[Dataset], *, options: Mapping[str, Any] | None = None, root: Path | None = None
) -> None:
    """The declaration, labels, clip length and folder; given `root`, the folder with the data, also every clip's entry.

    Args:
        dataset: The data set's class.
        options: Values for fields that have no default.
        root: The folder with its data, if it is at hand.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(dataset, options=options)
    config = dataset(**(options or {}))
    seconds = config.seconds()
    require(seconds is None or seconds > 0, f"seconds() is {seconds}, neither None nor above 0")
    if dataset.argument is None:
        _check_origin(dataset)
    else:
        require(dataset.argument in dataset.model_fields, f"argument {dataset.argument!r} is not one of its fields")
    if root is not None or dataset.argument is None:
        _check_labels(config)
    if root is not None:
        _check_listing(config, root)


def _check_origin(dataset: type[Dataset]) -> None:
    """How anybody gets the files of a data set that has a folder of its own."""
    folder = PurePosixPath(dataset.folder)
    require(bool(dataset.folder), "the class variable `folder` is empty: name the data set's folder")
    require(
        not folder.is_absolute() and ".." not in folder.parts,
        f"folder {dataset.folder!r} is a path of one machine: give the name that it has below any data folder",
    )
    require(
        any((dataset.archive is not None, dataset.prepare is not Dataset.prepare, "://" in dataset.source)),
        "has no `archive` to download, no `prepare` that makes its files, and no address in `source` to get it from; "
        "recordings that only you have are given by a path: `argument` and `argument_is_path`",
    )
    if (archive := dataset.archive) is not None:
        require(
            bool(archive.sha256 or archive.files_sha256),
            "has an `archive` without a checksum, so that nobody knows what was downloaded: give its `sha256`, or "
            "`files_sha256` where the bytes of the archive may change",
        )
        for name in ("sha256", "files_sha256"):
            digits = getattr(archive, name)
            require(digits is None or SHA256.fullmatch(digits) is not None, f"{name} {digits!r} is not 64 hex digits")


def _check_labels(config: Dataset) -> None:
    labels = config.labels()
    require(
        isinstance(labels, tuple) and all(isinstance(label, str) for label in labels),
        f"labels() gives a {type(labels).__name__}, not a tuple of strings: a set has another order in every process",
    )
    require(len(labels) > 1, f"has {len(labels)} classes; two are the least")
    twice = [label for label, times in Counter(labels).items() if times > 1]
    require(not twice, f"labels() names a class twice: {first_few(twice)}")
    require(config.labels() == labels, "labels() gives another order the second time: sort them")


def _check_listing(config: Dataset, root: Path) -> None:
    listing = config.clips(root)
    require(isinstance(listing, Listing), f"clips() gives a {type(listing).__name__}, not a Listing")
    require(isinstance(listing.clips, tuple), f"clips of the Listing are a {type(listing.clips).__name__}, not a tuple")
    require(config.clips(root) == listing, "clips() gives another listing the second time: sort what you read")
    require(bool(listing.clips), f"clips() found nothing in {root}")
    labels = set(config.labels())
    for clip in listing.clips:
        _check_clip(clip, labels, root)
    twice = [id for id, clips in Counter(clip.id for clip in listing.clips).items() if clips > 1]
    require(not twice, f"two clips have the same path and stretch: {first_few(twice)}")
    clips = divided(listing)
    _check_overlaps(clips)
    present = {(clip.split, clip.label) for clip in clips}
    for split, label in product(SPLITS, config.labels()):
        require((split, label) in present, f"the {split} split has no clip of class {label!r}")


def _check_clip(clip: Clip, labels: set[str], root: Path) -> None:
    require(clip.label in labels, f"clip {clip.id} has the label {clip.label!r}, which labels() does not name")
    require(clip.split in SPLITS, f"clip {clip.id} is in the split {clip.split!r}, not one of {', '.join(SPLITS)}")
    relative = "\\" not in clip.path and not Path(clip.path).is_absolute() and ".." not in Path(clip.path).parts
    require(relative, f"path {clip.path!r} is not relative to the data set's folder, with forward slashes")
    require(clip.silent or (root / clip.path).is_file(), f"clip {clip.id} has no file in {root}")
    require(clip.end is None or clip.end > clip.start >= 0, f"clip {clip.id} ends before it starts")


def _check_overlaps(clips: tuple[Clip, ...]) -> None:
    """That no stretch of a file is in two splits."""
    by_path: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if not clip.silent:
            by_path[clip.path].append(clip)
    for of_file in by_path.values():
        in_order = sorted(of_file, key=lambda clip: clip.start)
        for first, second in pairwise(in_order):
            apart = first.end is not None and first.end <= second.start
            require(
                apart or first.split == second.split,
                f"clip {first.id} is in {first.split} and {second.id} in {second.split}, and they overlap",
            )

"""The classes of a data set that are taken, and names of classes that nobody could tell apart."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError, did_you_mean, taking_classes
from bench.plugins import Dataset, Listing

LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u03bf"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7",
    "aeopcyxijso" + "ABEKMHOPCTXIABEHIKMNOPTX",
)
"""Cyrillic and Greek letters, and the Latin ones that look the same."""
INVISIBLE = re.compile("[\u034f\u115f\u1160\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Joiners, fillers and selectors that Unicode counts among marks and letters; other marks are the vowels of many scripts."""
TIGHT = re.compile(r"(?<!\d)[,;|]\S|[,;|][^\s\d]")
"""A separator that stands in no number and has no blank behind it."""
SEPARATORS = ",;|"
"""What stands between several labels in one cell."""


def chosen_labels(dataset: Dataset) -> tuple[str, ...]:
    """The classes of a data set that are taken, in its own order.

    Raises:
        BenchError: A class is named that there is not; or, if none is named, names of classes cannot be told apart, or one
            is a list of others.
    """
    labels = dataset.labels()
    for name in dataset.classes:
        if name not in labels:
            raise BenchError(f"data set {dataset.name} has no class {name!r}: {did_you_mean(name, labels)}")
    if not dataset.classes:
        refuse_confusable(dataset.name, labels)
    return tuple(label for label in labels if dataset.takes(label))


def chosen_listing(dataset: Dataset, root: Path) -> Listing:
    """The listing of a data set with the clips of the classes that are taken. Raises BenchError as `Dataset.clips` does."""
    listing = dataset.clips(root)
    if not dataset.classes:
        return listing
    known = set(dataset.labels())
    # A label that the data set does not know stays, so that it is said.
    clips = tuple(clip for clip in listing.clips if dataset.takes(clip.label) or clip.label not in known)
    return replace(listing, clips=clips)


def refuse_confusable(dataset: str, labels: Sequence[str]) -> None:
    """Raises BenchError for classes whose names look the same, and for one that is a list of others."""
    by_look: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        by_look[look_of(label)].append(label)
    for alike in by_look.values():
        if len(alike) > 1:
            raise BenchError(
                f"data set {dataset}: are {' and '.join(map(ascii, alike))} one class? The names can hardly be told apart: "
                "spell them alike, or name the classes to take by --classes"
            )
    lists = dict(_lists(labels))
    for label, parts in lists.items():
        others = taking_classes([other for other in labels if other not in lists])
        raise BenchError(
            f"data set {dataset}: {label!r} looks like {len(parts)} labels of one clip, and a clip has one class: "
            f"give it one, or leave such clips out by {others}"
        )


def look_of(label: str) -> str:
    """A name as an eye sees it: without case, width, blanks at its ends, invisible characters, and the script of letters."""
    if label.isascii() and label.isprintable():  # most are, and a data set may have 100,000 groups
        return " ".join(label.casefold().split())
    composed = unicodedata.normalize("NFKC", label)
    visible = "".join(c for c in composed if unicodedata.category(c) not in ("Cf", "Cc") and not INVISIBLE.match(c))
    return " ".join(visible.translate(LOOK_ALIKES).casefold().split())


def _lists(labels: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Labels that consist of several others, or of parts that stand in other lists, too.

    Without others they are names if a blank follows the separator (`Speech, male`), and numbers between digits (`0,5`).
    """
    parts_of = {label: _parts(label) for label in labels}
    stands_in = Counter(part for parts in parts_of.values() for part in set(parts))
    for label, parts in parts_of.items():
        of_others = all(part in parts_of for part in parts)
        if len(parts) > 1 and (of_others or (TIGHT.search(label) and all(stands_in[part] > 1 for part in parts))):
            yield label, parts


def _parts(label: str) -> list[str]:
    for separator in SEPARATORS:
        label = label.replace(separator, SEPARATORS[0])
    return [part.strip(" []()'\"") for part in label.split(SEPARATORS[0])]

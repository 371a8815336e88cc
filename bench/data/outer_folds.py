"""Divides the clips of a data set into train, validation and test: once, or once for every outer fold of a protocol.

What is drawn depends on the clips' names, labels and groups and on the seed alone, so that every process that has
the decoded clips draws the same, and no file holds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import Division
from bench.errors import BenchError, first_few
from bench.plugins import Cut, Split, stratified_split
from bench.plugins.contracts import SPLITS

FEWEST_LEFT_OUT = 3
"""Number of groups of which one can be tested, one validate, and one train."""
MOST_FOLDS = 50
"""Number of outer folds above which a study would retrain each finalist too often."""


@dataclass(frozen=True)
class DividedClips:
    """What a division depends on; every sequence has one entry a clip."""

    dataset: str
    ids: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str]
    """Speaker or recording, empty if unknown."""
    families: Sequence[str]
    """Name that copies of one sound share, empty for a clip that has none."""
    folds: Sequence[str]
    """Official fold, empty if unknown."""


@dataclass(frozen=True)
class OuterFold:
    """One division of all clips."""

    name: str
    """Name of the fold, as that of the speaker who is tested; empty if there is only one."""
    codes: NDArray[np.int8]
    """Split of every clip, as its index in SPLITS, [clips]."""

    def rows(self, split: Split) -> NDArray[np.int64]:
        """Positions of the clips of a split, rising."""
        return np.flatnonzero(self.codes == SPLITS.index(split))


def divide(clips: DividedClips, division: Division) -> tuple[OuterFold, ...]:
    """Divides clips as a protocol says.

    No group, and no family of copies, stands in two splits of one fold, unless the folds themselves are official or are the
    groups. The validation clips of an outer fold are cut off those that it does not test.

    Args:
        clips: The clips.
        division: The protocol.

    Returns:
        The outer folds; one without a name for the protocol `official`.

    Raises:
        BenchError: The clips lack the folds or groups that the protocol needs, or are too few.
    """
    kind, _, number = division.protocol.partition(":")
    units = whole_units(clips.groups, clips.families)
    cut = division.cut
    if kind == "official":
        return (OuterFold("", _cut(clips, units, cut)),)
    if kind == "repeated":
        seeds = [Cut(cut.validation, cut.test, cut.seed + repeat) for repeat in range(int(number))]
        return tuple(OuterFold(str(fold), _cut(clips, units, drawn)) for fold, drawn in enumerate(seeds, start=1))
    tested = _k_fold(clips, units, int(number), cut.seed) if kind == "k-fold" else _named_folds(clips, kind)
    return tuple(OuterFold(name, _around(clips, units, test, cut)) for name, test in tested)


def whole_units(groups: Sequence[str], families: Sequence[str]) -> list[str | None]:
    """Joins groups that share a family of copies: one name for clips that must stay together, None for one that is alone."""
    joined: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while (above := joined.get(key, key)) != key:
            key = above
        return key

    for group, family in zip(groups, families, strict=True):
        if group and family:
            roots = {root(("group", group)), root(("family", family))}
            first, *others = sorted(roots, key=lambda key: (key[0] != "group", key[1]))  # named by its first group
            joined |= dict.fromkeys(others, first)
    keys = [
        ("group", group) if group else ("family", family) if family else None
        for group, family in zip(groups, families, strict=True)
    ]
    return [None if key is None else root(key)[1] for key in keys]


def _cut(clips: DividedClips, units: Sequence[str | None], cut: Cut) -> NDArray[np.int8]:
    splits = stratified_split(
        clips.ids, clips.labels, groups=units, validation=cut.validation, test=cut.test, seed=cut.seed
    )
    asked = {"train", *(split for split, share in (("validation", cut.validation), ("test", cut.test)) if share)}
    if (empty := asked - set(splits)) and any(unit is not None for unit in units):
        raise BenchError(_too_few_groups(clips, units, len(asked), sorted(empty)))
    return np.array([SPLITS.index(split) for split in splits], dtype=np.int8)


def _too_few_groups(clips: DividedClips, units: Sequence[str | None], wanted: int, empty: Sequence[str]) -> str:
    """Says why a cut leaves splits empty: which groups there are."""
    members: dict[str, set[str]] = defaultdict(set)
    for label, id, unit in zip(clips.labels, clips.ids, units, strict=True):
        members[label].add(id if unit is None else unit)
    every = set().union(*members.values())
    if len(every) < min(wanted, sum(map(len, members.values()))):
        have = f"there are {len(every)} in all" if len(every) > 1 else "there is 1 in all"
        have = f"{have} ({first_few(sorted(every))})"
    else:
        have = ", ".join(
            f"class {label} has {len(of)} ({first_few(sorted(of))})" for label, of in [*members.items()][:3]
        )
    return (
        f"data set {clips.dataset}: groups (speakers, recordings, copies of a sound) stay in one split, and {have}, of "
        f"{wanted} that it takes: no clip is left for {' and '.join(empty)}; name smaller groups, or none, or give all "
        "splits yourself"
    )


def _around(clips: DividedClips, units: Sequence[str | None], test: NDArray[np.int64], cut: Cut) -> NDArray[np.int8]:
    """The splits of an outer fold that tests these clips: validation is cut off the others."""
    codes = np.full(len(clips.ids), SPLITS.index("test"), dtype=np.int8)
    others = np.setdiff1d(np.arange(len(clips.ids)), test)
    remaining = DividedClips(clips.dataset, *([each[i] for i in others] for each in _columns(clips)))
    codes[others] = _cut(remaining, [units[i] for i in others], Cut(cut.validation or Cut().validation, 0.0, cut.seed))
    return codes


def _columns(clips: DividedClips) -> tuple[Sequence[str], ...]:
    return clips.ids, clips.labels, clips.groups, clips.families, clips.folds


def _k_fold(
    clips: DividedClips, units: Sequence[str | None], folds: int, seed: int
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    names = [clip if unit is None else f"unit {unit}" for clip, unit in zip(clips.ids, units, strict=True)]
    alone = len(set(names)) == len(names)
    splitter = (StratifiedKFold if alone else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
    try:
        for number, (_, test) in enumerate(splitter.split(names, clips.labels, None if alone else names), start=1):
            yield str(number), test
    except ValueError:
        raise BenchError(
            f"data set {clips.dataset} has too few clips or groups for k-fold:{folds}: ask for fewer folds"
        ) from None


def _named_folds(clips: DividedClips, kind: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The official folds, or the groups."""
    names, what = (clips.folds, "fold") if kind == "folds" else (clips.groups, "group (speaker, recording)")
    without = [id for id, name in zip(clips.ids, names, strict=True) if not name]
    if without:
        raise BenchError(
            f"--protocol {kind} needs a {what} for every clip of {clips.dataset}, and {len(without):,} have none "
            f"({first_few(without)}): choose --protocol k-fold:5, or name them"
        )
    members: dict[str, list[int]] = defaultdict(list)
    for position, name in enumerate(names):
        members[name].append(position)
    if not 1 < len(members) <= MOST_FOLDS:
        raise BenchError(
            f"--protocol {kind} on {clips.dataset} makes {len(members):,} outer folds, of 2 to {MOST_FOLDS} that make "
            "sense: choose --protocol k-fold:5, which keeps groups together"
        )
    if kind == "leave-one-group-out" and len(members) < FEWEST_LEFT_OUT:
        raise BenchError(
            f"--protocol {kind} on {clips.dataset} has {len(members)} groups ({', '.join(sorted(members))}), of which one "
            "is tested and one validates, so that none is left to train on: name more, or none and take --protocol k-fold:5"
        )
    for name in sorted(members, key=_natural):
        yield name, np.array(members[name], dtype=np.int64)


def _natural(name: str) -> tuple[int, int, str]:
    """Sorts fold 10 after fold 9."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)

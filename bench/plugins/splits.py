"""Divides labelled clips into train, validation and test: stratified by class, whole groups together, the same every time.

scikit-learn's StratifiedGroupKFold makes equal folds only, and promises no class in every split; so this is iterative
stratification (Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data, ECML PKDD 2011) over groups: the
rarest class first, each of its groups to the split that lacks most of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.errors import BenchError
from bench.plugins.contracts import Clip, Listing, Split

Unit = list[int]
"""Positions of clips that must stay together: those of one group, or a single clip."""


def stratified_split(
    ids: Sequence[str],
    labels: Sequence[str],
    *,
    groups: Sequence[str | None] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
) -> list[Split]:
    """Draws a split for every clip. It depends on ids, labels, groups and seed, and not on the order of the clips.

    No group stands in two splits. A class with as many clips (or groups of its own) as there are splits is in all of them;
    with fewer it is in train first, then in validation.

    Args:
        ids: A name for every clip, each given once.
        labels: The class of every clip.
        groups: The speaker or recording of every clip, None for a clip that stands alone; None: all of them do.
        validation: Share of all clips, 0 to 1, for validation; 0 leaves that split empty.
        test: Share of all clips, 0 to 1, for the test; 0 leaves that split empty.
        seed: Another seed draws another split.

    Returns:
        The split of every clip, in the order given.

    Raises:
        BenchError: The shares leave no training clips, an id is given twice, or a class has a single clip.
    """
    shares = _shares(validation, test)
    _refuse_lonely_classes(labels)
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise BenchError(f"clip {twice} is listed twice: a clip can be in one split only, leave one of them out")
    units = _units(ids, groups if groups is not None else [None] * len(ids), seed)
    class_counts = [Counter(labels[position] for position in unit) for unit in units]
    chosen = _assign(class_counts, shares)
    result: list[Split] = ["train"] * len(ids)
    for unit, split in zip(units, chosen, strict=True):
        for position in unit:
            result[position] = split
    return result


def divided(listing: Listing) -> tuple[Clip, ...]:
    """Returns the clips of a listing with the splits that its `cut` makes where no two clips hold one sound.

    Raises:
        BenchError: As `stratified_split` does.
    """
    present = {clip.split for clip in listing.clips}
    cut = listing.cut
    if cut is None or {"validation", "test"} <= present:
        return listing.clips
    training = [clip for clip in listing.clips if clip.split == "train"]
    chosen = stratified_split(
        [clip.id for clip in training],
        [clip.label for clip in training],
        groups=[clip.group for clip in training],
        validation=0.0 if "validation" in present else cut.validation,
        test=0.0 if "test" in present else cut.test,
        seed=cut.seed,
    )
    renewed = iter(replace(clip, split=split) for clip, split in zip(training, chosen, strict=True))
    return tuple(next(renewed) if clip.split == "train" else clip for clip in listing.clips)


def _shares(validation: float, test: float) -> dict[Split, float]:
    if validation < 0 or test < 0 or validation + test >= 1:
        raise BenchError(
            f"validation {validation:g} and test {test:g} leave no training clips: give shares that sum to under 1"
        )
    shares: dict[Split, float] = {"train": 1 - validation - test, "validation": validation, "test": test}
    return {split: share for split, share in shares.items() if share > 0}


def _refuse_lonely_classes(labels: Sequence[str]) -> None:
    lonely = sorted(label for label, count in Counter(labels).items() if count == 1)
    if lonely:
        raise BenchError(
            f"class {lonely[0]} has a single clip, which cannot be both learnt from and tested on: add clips or leave it out"
        )


def _units(ids: Sequence[str], groups: Sequence[str | None], seed: int) -> list[Unit]:
    """Collects what must stay together, in an order drawn from the seed, the largest first: small ones even them out."""
    import numpy as np

    members: dict[tuple[bool, str], Unit] = defaultdict(list)
    for position in sorted(range(len(ids)), key=ids.__getitem__):
        group = groups[position]
        members[(False, ids[position]) if group is None else (True, group)].append(position)
    units = [members[key] for key in sorted(members)]
    drawn = [units[unit] for unit in np.random.default_rng(seed).permutation(len(units))]
    return sorted(drawn, key=len, reverse=True)


def _assign(class_counts: Sequence[Mapping[str, int]], shares: Mapping[Split, float]) -> list[Split]:
    """Chooses a split for every unit, given how many clips of which class it holds."""
    units_of: dict[str, list[int]] = defaultdict(list)
    for unit, counts in enumerate(class_counts):
        for label in counts:
            units_of[label].append(unit)
    total = Counter[str]()
    for counts in class_counts:
        total.update(counts)
    # Clips that a split still lacks, of each class and over all classes.
    need = {split: {label: share * count for label, count in total.items()} for split, share in shares.items()}
    lack = {split: share * total.total() for split, share in shares.items()}
    chosen: dict[int, Split] = {}
    for label in sorted(units_of, key=lambda label: (len(units_of[label]), label)):
        waiting = [unit for unit in units_of[label] if unit not in chosen]
        lacking = [split for split in shares if all(chosen.get(unit) != split for unit in units_of[label])]
        for left, unit in zip(range(len(waiting), 0, -1), waiting, strict=True):
            # When just enough units are left to have the class in every split, each goes to a split that has none yet.
            forced = bool(lacking) and left <= len(lacking)
            split = lacking[0] if forced else max(shares, key=lambda s: (need[s][label], lack[s]))
            lacking = [other for other in lacking if other != split]
            chosen[unit] = split
            for held, count in class_counts[unit].items():
                need[split][held] -= count
                lack[split] -= count
    return [chosen[unit] for unit in range(len(class_counts))]

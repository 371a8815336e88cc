"""What `bench check-data` says, in lines of a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bench.data.dataset_check import DatasetCheck
from bench.data.leakage import clips_of
from bench.errors import first_few
from bench.markdown import printable
from bench.plugins.contracts import SPLITS

COLUMNS = 79
NAME = 14
"""Characters of the first column, in which it stands what a line is about."""
MAX_LISTED = 10
"""Families of twins that are listed one by one."""


def class_table(check: DatasetCheck) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of clips by class and split; splits without clips are left out."""
    counts = Counter((clip.label, clip.split) for clip in check.usable)
    splits = [split for split in SPLITS if any(counts[label, split] for label in check.labels)]
    rows = [
        [label, *(f"{count:,}" for count in (*of_class, sum(of_class)))]
        for label in check.labels
        for of_class in [[counts[label, split] for split in splits]]
    ]
    totals = [sum(counts[label, split] for label in check.labels) for split in splits]
    return ["class", *splits, "all"], [*rows, ["all", *(f"{count:,}" for count in (*totals, sum(totals)))]]


def check_lines(check: DatasetCheck) -> Iterator[str]:
    """Lines on lengths, rates, channels, levels, groups, twins and what else is wrong, each named at its beginning."""
    for name, text in _named(check):
        # Names of files are not broken, so that they can be copied.
        yield from textwrap.wrap(
            printable(text),
            COLUMNS,
            initial_indent=f"{name:<{NAME}}",
            subsequent_indent=" " * NAME,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _named(check: DatasetCheck) -> Iterator[tuple[str, str]]:
    yield "files", f"{check.files:,}, which hold {check.recordings:,} recordings"
    with_sound = [decoded for decoded in check.clips if decoded.statistics is not None]
    statistics = [decoded.statistics for decoded in with_sound if decoded.statistics is not None]
    if with_sound:
        low, median, high = np.quantile([decoded.seconds for decoded in with_sound], [0, 0.5, 1])
        yield "length", f"{low:.2f} to {high:.2f} s, median {median:.2f} s"
        yield "sample rate", _shares(f"{one.sample_rate:,} Hz" for one in statistics)
        yield "channels", _shares({1: "mono", 2: "stereo"}.get(one.channels, f"{one.channels}") for one in statistics)
        levels = [one.level for one in statistics if np.isfinite(one.level)]
        if levels:
            low, median, high = np.quantile(levels, [0, 0.5, 1])
            yield "level", f"{low:.0f} to {high:.0f} dB of full scale (RMS), median {median:.0f} dB"
    yield "clipped", _listed(one.clip.id for one in with_sound if one.statistics and one.statistics.clipped)
    for suspicion in ("silent", "very short"):
        yield suspicion, _listed(decoded.clip.id for decoded in check.clips if decoded.suspicion == suspicion)
    yield "unusable", _listed(f"{one.clip.id} ({one.problem})" for one in check.clips if one.problem)
    if check.missing:
        yield "missing", _listed(check.missing)
    yield "groups", _groups(check)
    yield from _twins(check)
    for pair in check.contradictions():
        yield "two labels", f"{pair} hold the same sound: correct the label of one, or leave it out"
    for note in (*check.leaks(), *check.notes):
        yield "note", note


def _twins(check: DatasetCheck) -> Iterator[tuple[str, str]]:
    families = check.twins.families()
    if not families:
        yield "twins", "none: no two clips hold the same recording"
        return
    split_of = {clip.id: str(clip.split) for clip in check.usable}
    kinds = Counter("same samples" if pair.same_samples else "same recording" for pair in check.twins.pairs)
    evidence = ", ".join(
        f"{count:,} {'pair' if count == 1 else 'pairs'} {kind}" for kind, count in sorted(kinds.items())
    )
    apart = [family for family in families if len({split_of[clip] for clip in family}) > 1]
    yield (
        "twins",
        (
            f"{clips_of(sum(map(len, families)))} in {_families_of(len(families))} ({evidence}), "
            f"{len(apart):,} of them across splits"
        ),
    )
    evidence_of = {frozenset((pair.first, pair.second)): pair.evidence for pair in check.twins.pairs}
    across_first = [*apart, *(family for family in families if family not in set(apart))]
    for family in across_first[:MAX_LISTED]:
        members = " = ".join(f"{clip} ({split_of[clip]})" for clip in family[:MAX_LISTED])
        more = f" and {len(family) - MAX_LISTED} more" if len(family) > MAX_LISTED else ""
        said = evidence_of.get(frozenset(family))
        yield "", f"{members}{more}{f': {said}' if said else ''}"
    if len(families) > MAX_LISTED:
        yield "", f"and {_families_of(len(families) - MAX_LISTED)} more"


def _families_of(count: int) -> str:
    return f"{count:,} {'family' if count == 1 else 'families'}"


def _groups(check: DatasetCheck) -> str:
    splits_of: dict[str, set[str]] = defaultdict(set)
    for clip in check.usable:
        if clip.group is not None:
            splits_of[clip.group].add(clip.split)
    if not splits_of:
        return "none known (speakers, recordings): each clip counts as a group of its own"
    without = sum(clip.group is None for clip in check.usable)
    apart = sum(len(splits) > 1 for splits in splits_of.values())
    return (
        f"{len(splits_of):,} {check.group_noun}, {apart:,} of them in more than one split"
        f"{f'; {clips_of(without)} without a group' if without else ''}"
    )


def _shares(values: Iterable[str]) -> str:
    counts = Counter(values).most_common()
    return ", ".join(f"{value} ({clips_of(count)})" if len(counts) > 1 else value for value, count in counts)


def _listed(names: Iterable[str]) -> str:
    every: Sequence[str] = list(names)
    return f"{clips_of(len(every))}: {first_few(every)}" if every else "none"

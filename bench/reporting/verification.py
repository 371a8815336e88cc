"""Recomputes a page or a submitted row from its predictions, by the code that made it: no audio, no network, no results."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import BenchError, first_few
from bench.evaluation.metrics import added_name
from bench.plugins import Metric
from bench.plugins.registry import Registry, installed
from bench.reporting.build_leaderboard import leaderboard_of
from bench.reporting.commands import without_folders
from bench.reporting.leaderboard_records import (
    Leaderboard,
    Protocol,
    PublishedRecord,
    Row,
    SeedRun,
)
from bench.reporting.numbers import plural
from bench.reporting.published_studies import PublishedPage, content_of
from bench.reporting.publishing import index_lines, page_text

if TYPE_CHECKING:
    import pandas as pd

Published = TypeVar("Published", bound=PublishedRecord)

TAKEN_AS_PUBLISHED: Mapping[type[PublishedRecord], tuple[str, ...]] = {
    Leaderboard: ("schema_version", "dataset", "source", "predictions"),
    Protocol: (
        *("dataset", "reference", "revision", "protocol", "folds", "objective", "seconds", "notes", "studies"),
        *("group_noun", "known_groups", "twins", "test_looks"),
    ),
    Row: ("origin", "parameters", "search", "robustness", "train_seconds", "not_complete", "changed", "pretrained_on"),
    SeedRun: (
        *("run", "finished", "spec", "best_epoch", "train_seconds", "latency_ms", "peak_memory_mb", "hardware", "load"),
    ),
}
"""What no prediction tells: settings, times, the network's size, how the search went. All else is recomputed."""
LONGEST = 200
"""Characters of a page's line that are shown."""
EQUAL = 1e-12
"""Relative difference up to which numbers are the same: other machines sum in another order."""


@dataclass(frozen=True)
class CheckedFigure:
    """A published value beside the one that the predictions give."""

    where: str
    """`row 1234abcd: test.accuracy.mean`, or the file and line."""
    published: Any
    recomputed: Any
    same: bool

    def text(self) -> str:
        """The figure in a line: `row 1234abcd: test.accuracy.mean: published 0.9, recomputed 0.8`."""
        if self.same:
            return f"{self.where}: {self.published}"
        return f"{self.where}: published {_shown(self.published)}, recomputed {_shown(self.recomputed)}"


@dataclass(frozen=True)
class Verification:
    """What was recomputed of a page."""

    path: Path
    """The page's JSON."""
    figures: tuple[CheckedFigure, ...]
    """Every value of the JSON that was recomputed, in its order."""
    lines: tuple[CheckedFigure, ...]
    """Lines of the page and of the index, and checksums, that are not what they should be."""
    runs: int
    """Number of runs whose predictions are published."""
    taken: tuple[str, ...]
    """Names of what was taken as it is published."""

    @property
    def differences(self) -> tuple[CheckedFigure, ...]:
        """Everything that is not what the predictions give."""
        return (*(figure for figure in self.figures if not figure.same), *self.lines)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def summary(self) -> str:
        """One line: `312 figures recomputed from the predictions of 9 runs, none different`."""
        different = len(self.differences)
        return (
            f"{self.path}: {len(self.figures):,} figures recomputed from the predictions of {plural(self.runs, 'run')}, "
            f"{different or 'none'} different"
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row a figure and a line that differs, with the columns `where`, `published`, `recomputed` and `same`."""
        import pandas as pd

        values = [(each.where, each.published, each.recomputed, each.same) for each in (*self.figures, *self.lines)]
        return pd.DataFrame(values, columns=["where", "published", "recomputed", "same"])


def verify(path: str | Path) -> Verification:
    """Recomputes every figure of a published page, or of a submitted row, from the predictions that are published with it.

    Args:
        path: The page's JSON, as `leaderboards/fsdd.json`, beside which its predictions, its Markdown and the index lie; or
            the file of a submitted row, `fsdd-8a1c71ce.zip`.

    Raises:
        BenchError: If a file is missing or cannot be read at all, or a metric of the page is not installed.
    """
    if not isinstance(path, str | PathLike):
        raise BenchError(f"a page is given by the path of its JSON, not by {path!r}")
    path = Path(path)
    published = PublishedPage.read(path)
    recomputed = _recomputed(published)
    raw = json.loads(published.raw)
    lines = [*_checksum(published), *_paths(raw)]
    if published.file != path:  # a submitted row is one file, with nothing beside it
        lines += [*_lines(path.with_suffix(".md"), page_text(recomputed)), *_index(path, recomputed)]
    taken = dict.fromkeys(name.replace("_", " ") for names in TAKEN_AS_PUBLISHED.values() for name in names)
    return Verification(
        path=path,
        figures=tuple(_compared(raw, recomputed)),
        lines=tuple(lines),
        runs=len({run for run, _ in published.predictions}),
        taken=tuple(taken),
    )


def read_verified(path: Path) -> PublishedPage:
    """Reads a page or a submitted row that others made.

    Raises:
        BenchError: It cannot be read, or a figure is not what its predictions give, which the message names.
    """
    differences = verify(path).differences
    if differences:
        first, *more = differences
        raise BenchError(
            f"{path} is not what its predictions give: {first.text()}{f'; and {len(more):,} more' if more else ''}. It is "
            "not taken: bench submit writes it anew from a results folder"
        )
    return PublishedPage.read(path)


def _recomputed(page: PublishedPage) -> Leaderboard:
    """The leaderboard as the predictions make it."""
    leaderboard = page.leaderboard
    metrics = _metrics_of(leaderboard)
    made = leaderboard_of(page.studies(), leaderboard.dataset, registry=Registry(metrics=metrics))
    protocols = {_key(protocol): protocol for protocol in leaderboard.protocols}
    rows = {run.run: row for row in leaderboard.rows() for run in row.runs}

    def completed(protocol: Protocol) -> Protocol:
        of_rows = [_as_published(row, rows[row.runs[0].run]) for row in protocol.rows]
        return _as_published(protocol.model_copy(update={"rows": tuple(of_rows)}), protocols[_key(protocol)])

    made = made.model_copy(update={"protocols": tuple(map(completed, made.protocols))})
    return _as_published(made, leaderboard)


def _metrics_of(page: Leaderboard) -> dict[str, type[Metric]]:
    """The metrics of plugins that a page has: only then are plugins loaded. Raises BenchError if one is not installed."""
    added = dict.fromkeys(score.name for row in page.rows() for run in row.runs for score in run.test.added)
    known = {added_name(metric): metric for metric in (installed().metrics.values() if added else ())}
    if missing := [name for name in added if name not in known]:
        raise BenchError(
            f"the page has scores of a plugin that is not installed, {first_few(missing)}: install what brings them"
        )
    return {name: known[name] for name in added}


def _as_published(made: Published, published: Published) -> Published:
    return made.model_copy(update={name: getattr(published, name) for name in TAKEN_AS_PUBLISHED[type(made)]})


def _key(protocol: Protocol) -> str:
    return f"{protocol.dataset.model_dump_json()} {protocol.revision} {protocol.protocol} {protocol.objective}"


def _compared(raw: Mapping[str, Any], recomputed: Leaderboard) -> Iterator[CheckedFigure]:
    """Every value of the JSON that was recomputed, by its row."""
    yield from _values(raw, recomputed, "page", but=("protocols",))
    published = raw["protocols"]
    for number, protocol in enumerate(recomputed.protocols):
        name = "protocol" if len(published) == 1 else f"protocol {number + 1}"
        yield from _values(published[number], protocol, name, but=("rows",))
        rows = published[number]["rows"]
        if len(rows) != len(protocol.rows):
            yield CheckedFigure(f"{name}: number of rows", len(rows), len(protocol.rows), same=False)
        for row, made in zip(rows, protocol.rows, strict=False):
            yield from _values(row, made, f"row {row['id']}", but=("runs",))
            if len(row["runs"]) != len(made.runs):
                yield CheckedFigure(f"row {row['id']}: number of runs", len(row["runs"]), len(made.runs), same=False)
            for run, again in zip(row["runs"], made.runs, strict=False):
                yield from _values(run, again, f"row {row['id']}, {run['run']}", but=())


def _values(
    published: Mapping[str, Any], recomputed: PublishedRecord, where: str, *, but: Iterable[str]
) -> Iterator[CheckedFigure]:
    left_out = {*TAKEN_AS_PUBLISHED[type(recomputed)], *but}
    made = recomputed.model_dump(mode="json", exclude=left_out)
    before = {name: value for name, value in published.items() if name not in left_out}
    for path, was, now in _leaves(before, made):
        if path.startswith("supports.train."):  # nobody predicts training clips
            continue
        yield CheckedFigure(f"{where}: {path}", was, now, _equal(was, now))


def _leaves(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every single value by its dotted path; what stands on one side alone is None on the other."""
    if isinstance(before, list):
        before = dict(enumerate(before))
    if isinstance(now, list):
        now = dict(enumerate(now))
    if not isinstance(before, dict) or not isinstance(now, dict):
        yield path, before, now
        return
    for name in dict.fromkeys((*before, *now)):
        yield from _leaves(before.get(name), now.get(name), f"{path}.{name}" if path else str(name))


def _equal(before: Any, now: Any) -> bool:
    numbers = isinstance(before, int | float) and isinstance(now, int | float)
    return bool(before == now or (numbers and math.isclose(before, now, rel_tol=EQUAL)))


def _checksum(page: PublishedPage) -> Iterator[CheckedFigure]:
    if page.changed:
        published = page.leaderboard.predictions.sha256 if page.leaderboard.predictions else ""
        yield CheckedFigure(
            f"{page.file.name}: SHA-256", published, hashlib.sha256(page.content).hexdigest(), same=False
        )


def _paths(value: Any, where: str = "page") -> Iterator[CheckedFigure]:
    """Texts in which the folders of somebody's machine stand."""
    if isinstance(value, str) and without_folders(value) != value:
        yield CheckedFigure(f"{where}: folders", value, without_folders(value), same=False)
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(inner, f"{where}.{name}")


def _lines(path: Path, expected: str) -> Iterator[CheckedFigure]:
    """Lines of a page that are not those expected."""
    before, now = content_of(path).decode(errors="replace").splitlines(), expected.splitlines()
    for tag, start, end, first, last in difflib.SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(end - start, last - first)):
            was = before[start + offset] if start + offset < end else None
            is_now = now[first + offset] if first + offset < last else None
            yield CheckedFigure(f"{path.name}: line {start + offset + 1}", was, is_now, same=False)


def _index(path: Path, recomputed: Leaderboard) -> Iterator[CheckedFigure]:
    """The page's lines in the index, if there is an index that has any."""
    index = path.with_name("README.md")
    lines = content_of(index).decode(errors="replace").splitlines() if index.exists() else []
    known = {number: line for number, line in enumerate(lines, start=1) if f"]({path.stem}.md)" in line}
    expected = index_lines(recomputed, path) if known else []
    for number, was, now in zip_longest(known, known.values(), expected):
        if was != now:
            yield CheckedFigure(f"{index.name}: line {number or len(lines)}", was, now, same=False)


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."

"""A data set of one's own: audio files that a CSV file lists with their labels."""

from __future__ import annotations

import csv
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.plugins import BenchError, Clip, Cut, Dataset, Listing, Split, did_you_mean
from bench_plugins.datasets.folder import SPLIT_FOLDERS

REQUIRED = ("path", "label")
OPTIONAL = ("split", "group", "fold", "start", "end")

GROUPING = re.compile(r"(speaker|subject|patient|session|recording)(s|[ _-]?(id|no|nr|number|name))?", re.IGNORECASE)
"""Columns that name what `group` is for."""

LATEST = 1e9
"""Seconds, 30 years, after which no recording goes on."""


@dataclass(frozen=True)
class Row:
    """A row of the file."""

    line: int
    """Line of the file that it begins in."""
    cells: Mapping[str, str]
    """Stripped text by column, of those that are used."""


class CsvFile(Dataset):
    """A CSV file with the columns `path` (from the CSV's folder) and `label`, and optionally `split` (train, validation,
    test), `group` (speaker, recording), `fold` (which `--protocol folds` tests in its turn), `start` and `end` (seconds into
    the file).

    Splits that no row names are cut off the training clips: by class, with whole groups. Stretches of one file are a group
    where no other is given.
    """

    name: ClassVar[str] = "csv"
    argument: ClassVar[str | None] = "file"
    argument_is_path: ClassVar[bool] = True
    source: ClassVar[str] = "your own recordings"

    file: str
    """The CSV file."""

    validation: float = Field(0.15, ge=0, lt=1)
    """Share of the clips that is cut off for validation, where no row is."""

    test: float = Field(0.15, ge=0, lt=1)
    """Share of the clips that is cut off for the test, where no row is."""

    seed: int = Field(0, ge=0)
    """Seed of the split that is made here."""

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

    def cuts_recordings(self) -> bool:
        return self.cut

    def root(self, data_dir: Path) -> Path:
        return self._file().parent

    def seconds(self) -> float | None:
        return self.clip_seconds

    def labels(self) -> tuple[str, ...]:
        entries, _ = self._read()
        return tuple(sorted({row.cells["label"] for row in entries if row.cells["label"]}))

    def clips(self, root: Path) -> Listing:
        entries, notes = self._read()
        listed = [self._clip(row.cells, row.line, root) for row in entries]
        exists = {path: os.path.exists(root / path) for path in {clip.path for clip in listed}}  # noqa: PTH110
        present = [clip for clip in listed if exists[clip.path]]
        if not present:
            raise BenchError(f"{self.file}: not one of its files is there; the first is {root / listed[0].path}")
        clips = tuple(_grouped_by_file(present))
        missing = tuple(sorted({clip.path for clip in listed if self.takes(clip.label) and not exists[clip.path]}))
        return Listing(clips, missing, notes, Cut(self.validation, self.test, self.seed))

    def _file(self) -> Path:
        return Path(self.file).expanduser()

    def _read(self) -> tuple[list[Row], tuple[str, ...]]:
        """Reads the rows, every cell as stripped text, and notes on cells that are not used. Raises BenchError."""
        header, lines = self._cells()
        names = [name.strip() for name in header]
        for name, count in Counter(names).items():
            if count > 1 and name in REQUIRED + OPTIONAL:
                columns = " and ".join(str(column) for column, known in enumerate(names, start=1) if known == name)
                raise BenchError(f"{self.file} has the column {name!r} {count} times (columns {columns}): leave one")
        for column in REQUIRED:
            if column not in names:
                raise BenchError(f"{self.file} has no column {column!r}: {_present(column, names)}")
        if not lines:
            raise BenchError(f"{self.file} has no rows: list a file and its label in each")
        unused = [name for name in names if name not in REQUIRED + OPTIONAL]
        notes = _unused_notes(self.file, unused, grouped="group" in names)
        if any(len(cells) > len(names) for _, cells in lines):
            notes += (f"{self.file}: rows have more cells than the header, which are not used",)
        rows = []
        for line, cells in lines:
            padded = [*cells, *[""] * (len(names) - len(cells))]
            row = {name: cell.strip() for name, cell in zip(names, padded, strict=False) if name in REQUIRED + OPTIONAL}
            rows.append(Row(line, {**row, "label": unicodedata.normalize("NFC", row["label"])}))  # as folder does
        return rows, notes

    def _cells(self) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """Reads the header, and of each row that is not blank the line of the file that it begins in, and its cells."""
        path = self._file()
        if not path.exists():
            raise BenchError(f"data set {self.name}: there is no file {self.file}: check the path")
        if not path.is_file():
            raise BenchError(f"data set {self.name}: {self.file} is no file that can be read twice: save it as one")
        lines: list[tuple[int, list[str]]] = []
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, skipinitialspace=True, strict=True)
                begins = 1
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        lines.append((begins, cells))
                    begins = reader.line_num + 1
        except (OSError, ValueError, csv.Error) as error:
            raise self._unreadable(getattr(error, "strerror", None) or " ".join(str(error).split())) from error
        if not lines:
            raise self._unreadable("it is empty")
        (_, header), *rows = lines
        sizes = {len(cells) for _, cells in rows}
        for line, cells in rows:
            if any(cell.strip() for cell in cells[len(header) :]) and len(sizes) > 1:
                raise self._unreadable(f"line {line} has {len(cells)} cells, and the header {len(header)}")
        return header, rows

    def _unreadable(self, reason: str) -> BenchError:
        return BenchError(
            f"{self.file} cannot be read as CSV ({reason}): it takes UTF-8 text, with a header that has path and label, and "
            "quotes around cells with commas"
        )

    def _clip(self, row: Mapping[str, str], line: int, root: Path) -> Clip:
        """Raises BenchError, with the line number, on a row that makes no sense."""
        for column in REQUIRED:
            if not row[column]:
                raise BenchError(f"{self.file} line {line}: {column} is empty")
        if "\0" in row["path"]:
            raise BenchError(f"{self.file} line {line}: path holds a character that no path can: correct it")
        start, end = self._seconds(row, "start", line), self._seconds(row, "end", line)
        if end is not None and end <= (start or 0.0):
            raise BenchError(f"{self.file} line {line}: end {end:g} s is not after start {start or 0.0:g} s")
        return Clip(
            path=_relative(row["path"], root),
            label=row["label"],
            split=self._split(row, line),
            group=row.get("group") or None,
            fold=row.get("fold") or None,
            start=start or 0.0,
            end=end,
        )

    def _split(self, row: Mapping[str, str], line: int) -> Split:
        if "split" not in row:
            return "train"
        word = row["split"].lower()
        if word not in SPLIT_FOLDERS:
            raise BenchError(
                f"{self.file} line {line}: unknown split {row['split']!r}: "
                + did_you_mean(word, ("train", "validation", "test"))
            )
        return SPLIT_FOLDERS[word]

    def _seconds(self, row: Mapping[str, str], column: str, line: int) -> float | None:
        cell = row.get(column)
        if not cell:
            return None
        try:
            seconds = float(cell)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= LATEST:
            raise BenchError(f"{self.file} line {line}: {column} {cell!r} is no number of seconds into a recording")
        return seconds


def _present(column: str, columns: list[str]) -> str:
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and mark in columns[0]:
            return f"its cells are separated by {name}; save it with commas"
    return f"it has {', '.join(columns)}; rename one to {column}, or add it"


def _unused_notes(file: str, unused: list[str], *, grouped: bool) -> tuple[str, ...]:
    """Says which columns are not used, and asks about those by which clips should stay together if nothing says so."""
    by_group = [] if grouped else [column for column in unused if GROUPING.fullmatch(column)]
    others = [column for column in unused if column not in by_group]
    asked = [
        f"{file}: column {column} is not used: rename it `group` to keep {match[1].lower()}s apart"
        for column in by_group
        if (match := GROUPING.fullmatch(column))
    ]
    return (*([f"{file}: unused columns: {', '.join(others)}"] if others else []), *asked)


def _relative(path: str, root: Path) -> str:
    """The path from the CSV's folder, with forward slashes."""
    if Path(path).is_absolute():
        path = os.path.relpath(path, root)
    return Path(path).as_posix()


def _grouped_by_file(clips: list[Clip]) -> list[Clip]:
    """Stretches of one recording sound alike: they stay together unless the rows say otherwise."""
    stretches = Counter(clip.path for clip in clips)
    return [
        replace(clip, group=clip.path) if clip.group is None and stretches[clip.path] > 1 else clip for clip in clips
    ]

"""Defines the tables of figures that a part returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from bench.markdown import Markup, heading, page, table

Row = dict[str, Any]
Size = TypeVar("Size")


@dataclass(frozen=True)
class Column:
    """Formats one figure of every row."""

    header: str
    key: str
    format: str = ""
    """Format specification as in f-strings; empty for text."""

    def cell(self, row: Row) -> str:
        """Returns the figure as text, which is empty if the row has none."""
        value = row.get(self.key)
        return "" if value is None else format(value, self.format)


@dataclass(frozen=True)
class Table:
    """A table with a title and a note."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    """Explains in Markdown how the table was measured and what it does not say."""

    def markdown(self) -> str:
        """Returns the table below its title in Markdown."""
        sides: list[Literal["left", "right"]] = ["right" if column.format else "left" for column in self.columns]
        cells = [[column.cell(row) for column in self.columns] for row in self.rows]
        body = table([column.header for column in self.columns], cells, align=sides)
        return page((heading(3, self.title), body if self.rows else "", Markup(self.note)))

    def json(self) -> Row:
        """Returns the table as results.json stores it."""
        return {"title": self.title, "rows": list(self.rows), "note": self.note}


@dataclass(frozen=True)
class Sizes:
    """How much a part does (everything, or just enough to check that it runs) and the device that it trains on."""

    quick: bool = False
    device: str = "cpu"

    def of(self, full: Size, quick: Size) -> Size:
        """Returns the full size, or the quick one."""
        return quick if self.quick else full

"""What a part measured: rows of figures, kept as they are, and shown as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bench.markdown import Markup, heading, page, table

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """How one figure of every row is shown."""

    header: str
    key: str
    format: str = ""
    """As in f-strings; nothing for words."""

    def cell(self, row: Row) -> str:
        """The figure as text; nothing where the row has none."""
        value = row.get(self.key)
        return "" if value is None else format(value, self.format)


@dataclass(frozen=True)
class Table:
    """Rows of one kind."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    """How it was measured, and what it does not say, in Markdown."""

    def markdown(self) -> str:
        """The table below its title."""
        sides: list[Literal["left", "right"]] = ["right" if column.format else "left" for column in self.columns]
        cells = [[column.cell(row) for column in self.columns] for row in self.rows]
        body = table([column.header for column in self.columns], cells, align=sides)
        return page((heading(3, self.title), body if self.rows else "", Markup(self.note)))

    def json(self) -> Row:
        """As results.json keeps it."""
        return {"title": self.title, "rows": list(self.rows), "note": self.note}


@dataclass(frozen=True)
class Sizes:
    """How much a part does: all of it, or just enough to see that it runs; and where it trains."""

    quick: bool = False
    device: str = "cpu"

    def of(self, full: int, quick: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full

"""Tables that a reader sorts by a click on a column's title, and filters by typing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    value: float | None = None
    """What its column is sorted by; None to sort by the text, and below all numbers."""
    code: bool = False
    """Whether the text is to be typed as it is."""
    link: str = ""
    """Address that the text leads to."""


@dataclass(frozen=True)
class DataTable:
    """A table of a page."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: int
    """Number of columns at the left that hold text; the others hold figures and are aligned to the right."""
    strong: str = ""
    """Text of the first cell of the row that stands out."""


def data_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Cell]], *, left: int = 1, strong: str = ""
) -> DataTable:
    """Makes a table of the cells that the Markdown page has; a cell of nothing but a number is sorted by it."""
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell, _value(cell)) for cell in row) for row in rows)
    return DataTable(tuple(columns), cells, left, strong)


def _value(text: str) -> float | None:
    try:
        return float(text.split(" ")[0].replace(",", ""))
    except ValueError:
        return None

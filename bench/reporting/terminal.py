"""Prints tables: ruled ones on a terminal, and plain aligned columns into a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from bench.markdown import printable

PIPE_WIDTH = 100_000
"""Width in characters for a pipe, at which nothing is cut or wrapped."""
COLUMN_GAP = 3
"""Characters between two columns."""


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    spare: Sequence[str] = (),
) -> None:
    """Prints a table.

    Args:
        header: Titles of the columns.
        rows: Cells of the rows.
        left: Indices of the columns that are aligned to the left; the others hold figures.
        spare: Titles of columns that a narrow terminal may hide, the first first; their titles are printed below.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    interactive = sys.stdout.isatty()
    console = Console() if interactive else Console(width=PIPE_WIDTH, no_color=True)
    texts = [[printable(cell) for cell in row] for row in rows]
    columns = {title: [row[number] for row in texts] for number, title in enumerate(header)}
    hidden = _columns_to_hide(columns, spare, console.width)
    rich_table = Table(box=box.SIMPLE_HEAD if interactive else None, pad_edge=interactive)
    left_titles = {header[number] for number in left}
    visible = {title: cells for title, cells in columns.items() if title not in hidden}
    for title in visible:
        rich_table.add_column(title, justify="left" if title in left_titles else "right", overflow="fold")
    for row in zip(*visible.values(), strict=True):
        rich_table.add_row(*(Text(cell) for cell in row))
    console.print(rich_table, soft_wrap=not interactive)
    if hidden:
        console.print(
            f"(a wider terminal shows: {', '.join(title for title in header if title in hidden)})", highlight=False
        )


def _columns_to_hide(columns: Mapping[str, Sequence[str]], spare: Iterable[str], width: int) -> set[str]:
    """Returns the spare columns to hide so that the others fit. Titles wrap between words, cells do not."""
    widths = {
        title: COLUMN_GAP + max(max(map(len, title.split()), default=0), *map(len, cells), 0)
        for title, cells in columns.items()
    }
    hidden: set[str] = set()
    for title in spare:
        if sum(size for column, size in widths.items() if column not in hidden) <= width:
            break
        hidden.add(title)
    return hidden & columns.keys()

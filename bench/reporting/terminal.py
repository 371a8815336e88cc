"""Tables on the terminal: ruled where a person looks, plain aligned columns where the output is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from bench.markdown import printable

UNLIMITED = 100_000
"""Columns of a pipe, so that nothing is cut or wrapped."""
PADDING = 3
"""Between two columns."""


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    spare: Sequence[str] = (),
) -> None:
    """Prints a table; the columns in `left` are aligned to the left, the others, being figures, to the right.

    On a terminal that is too narrow, columns titled as in `spare` are left out, the first named first, and named below it.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    looked_at = sys.stdout.isatty()
    console = Console() if looked_at else Console(width=UNLIMITED, no_color=True)
    texts = [[printable(cell) for cell in row] for row in rows]
    columns = {title: [row[number] for row in texts] for number, title in enumerate(header)}
    left_out = _too_many(columns, spare, console.width)
    shown = Table(box=box.SIMPLE_HEAD if looked_at else None, pad_edge=looked_at)
    aligned = {header[number] for number in left}
    kept = {title: cells for title, cells in columns.items() if title not in left_out}
    for title in kept:
        shown.add_column(title, justify="left" if title in aligned else "right", overflow="fold")
    for row in zip(*kept.values(), strict=True):
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown, soft_wrap=not looked_at)
    if left_out:
        console.print(
            f"(a wider terminal shows: {', '.join(title for title in header if title in left_out)})", highlight=False
        )


def _too_many(columns: Mapping[str, Sequence[str]], spare: Iterable[str], width: int) -> set[str]:
    """Those of the spare columns that have to go for the others to fit; titles wrap between words, cells do not."""
    widths = {
        title: PADDING + max(max(map(len, title.split()), default=0), *map(len, cells), 0)
        for title, cells in columns.items()
    }
    left_out: set[str] = set()
    for title in spare:
        if sum(size for column, size in widths.items() if column not in left_out) <= width:
            break
        left_out.add(title)
    return left_out & columns.keys()

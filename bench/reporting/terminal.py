"""Tables on the terminal: ruled where a person looks, plain aligned columns where the output is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from bench.markdown import printable

UNLIMITED = 100_000
"""Columns of a pipe, so that nothing is cut or wrapped."""


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = (0,)) -> None:
    """Prints a table; the columns in `left` are aligned to the left, the others, being figures, to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    looked_at = sys.stdout.isatty()
    console = Console() if looked_at else Console(width=UNLIMITED, no_color=True)
    shown = Table(box=box.SIMPLE_HEAD if looked_at else None, pad_edge=looked_at)
    for column, title in enumerate(header):
        shown.add_column(title, justify="left" if column in left else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console.print(shown, soft_wrap=not looked_at)

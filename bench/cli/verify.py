"""`bench verify`: recomputes published pages from the predictions beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.reporting.terminal import print_table
from bench.reporting.verification import CheckedFigure, Verification, verify

LONGEST = 200
"""Characters of a page's line that are printed."""


def command(
    pages: Annotated[list[Path], typer.Argument(metavar="PAGE...", help="The JSON of a page: leaderboards/fsdd.json.")],
    figures: Annotated[
        bool, typer.Option("--figures", help="Print every figure, and not those alone that differ.")
    ] = False,
) -> int:
    """Recompute every figure of published pages from the predictions beside them, without audio.

    Exit code 1: something differs.
    """
    same = True
    for page in pages:
        verification = verify(page)
        _print(verification, figures=figures)
        same = same and verification.same
    return int(not same)


def _print(verification: Verification, *, figures: bool) -> None:
    counts: dict[str, list[int]] = {}
    for figure in verification.figures:
        count = counts.setdefault(figure.where.partition(":")[0].partition(",")[0], [0, 0])
        count[0] += 1
        count[1] += not figure.same
    rows = [
        (where, f"{total:,}", f"{different:,}" if different else "none") for where, (total, different) in counts.items()
    ]
    print_table(("part", "figures", "different"), rows, left=(0,))
    if figures:
        for figure in verification.figures:
            print(_line(figure))
    for figure in verification.differences:
        print(f"different: {_line(figure)}")
    print(f"not recomputed, taken as published: {', '.join(verification.taken)}")
    print(verification.summary())


def _line(figure: CheckedFigure) -> str:
    if figure.same:
        return f"{figure.where}: {figure.published}"
    return f"{figure.where}: published {_shown(figure.published)}, recomputed {_shown(figure.recomputed)}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."

"""`bench verify`: recomputes published pages and submitted rows from their predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.reporting.terminal import print_table
from bench.reporting.verification import Verification, verify


def command(
    pages: Annotated[
        list[Path],
        typer.Argument(metavar="PAGE...", help="The JSON of a page, leaderboards/fsdd.json, or a submitted row."),
    ],
    figures: Annotated[
        bool, typer.Option("--figures", help="Print every figure, and not those alone that differ.")
    ] = False,
) -> int:
    """Recompute every figure of published pages, or of submitted rows, from their predictions, without audio.

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
            print(figure.text())
    for figure in verification.differences:
        print(f"different: {figure.text()}")
    print(f"not recomputed, taken as published: {', '.join(verification.taken)}")
    print(verification.summary())

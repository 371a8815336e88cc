"""Compares rows of leaderboards, finals or reproductions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.calling import keywords_in_errors
from bench.files import results_directory

if TYPE_CHECKING:
    from bench.reporting.row_comparison import RowComparison


@keywords_in_errors()
def compare_rows(*rows: str, results: str | Path | None = None) -> RowComparison:
    """Compares rows clip by clip, every pair of them.

    Args:
        *rows: Two or more of `leaderboards/fsdd.json:ID`, `STUDY/final-1`, `STUDY/final-1-seed-0`, `reproduce-NAME`.
        results: The results folder, for what is no row of a page: those have their predictions beside them.
            `./bench-results` by default.

    Returns:
        The rows and their pairs: `pairs[0].comparison` has the difference (-1 to 1), its interval and p value, and
        `pairs[0].differs` whether it is more than chance by Holm's method over all pairs.

    Raises:
        BenchError: A row or its predictions are missing, or the rows are of different clips or objectives, or there are
            too few clips or groups to say anything.

    Example:
        >>> bench.compare_rows("leaderboards/fsdd.json:12f60eb6", "leaderboards/fsdd.json:c5b8da3a").pairs[0].differs
    """
    from bench.reporting.row_comparison import compare_references

    return compare_references(results_directory(results), rows)

"""Ranks the methods that several published pages have in common: a figure of the critical difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.evaluation.mean_ranks import MeanRanks, mean_ranks
from bench.reporting.figures import critical_difference
from bench.reporting.publishing import load_published


def draw_critical_difference(pages: Sequence[Path]) -> bytes:
    """Draws the mean ranks of a model on a feature over all protocols of several pages.

    Raises:
        BenchError: A page cannot be read, or they have too little in common.
    """
    return critical_difference(ranks_over_pages(pages), "Models on features", score="the test score that ranks a page")


def ranks_over_pages(pages: Sequence[Path]) -> MeanRanks:
    """Ranks models on features by the test score of their first row, which validation chose.

    Args:
        pages: JSON files of published pages; each protocol of each counts as a data set.

    Raises:
        BenchError: A page cannot be read, or they have fewer than two methods or protocols in common.
    """
    tables = [
        {f"{row.model.name} on {row.feature.name}": row.test[row.metric].mean for row in reversed(protocol.rows)}
        for page in pages
        for protocol in load_published(page).protocols
        if protocol.rows
    ]
    common = sorted(set.intersection(*map(set, tables))) if tables else []
    if len(common) < 2 or len(tables) < 2:
        raise BenchError(
            f"{len(tables)} protocols of {len(pages)} pages have {len(common)} models on features in common "
            f"({', '.join(common) or 'none'}): a critical difference needs two of each at least"
        )
    return mean_ranks(common, [[table[method] for method in common] for table in tables])

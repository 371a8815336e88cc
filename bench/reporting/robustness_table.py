"""Scores of networks under noise and other conditions, over seeds, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from bench.evaluation.metrics import Objective, basic_scores
from bench.evaluation.predictions import Predictions
from bench.markdown import Markup, table
from bench.reporting.numbers import Spread, score_text
from bench.trial.conditions import CONDITIONS


def robustness_of(seeds: Sequence[Sequence[Mapping[str, Predictions]]], metric: Objective) -> dict[str, Spread]:
    """Computes the spread over seeds of a score under every condition that all of them were tested under.

    Args:
        seeds: For every seed the predictions by condition, of each of its outer folds: a seed's score is their mean.
        metric: The score.
    """
    return {
        name: Spread.of([fmean(getattr(basic_scores(fold[name]), metric) for fold in folds) for folds in seeds])
        for name in CONDITIONS
        if seeds and all(name in fold for folds in seeds for fold in folds)
    }


def robustness_table(rows: Mapping[str, tuple[Spread, Mapping[str, Spread]]], *, title: str) -> Markup:
    """Returns the table of `robustness_rows`."""
    return table(*robustness_rows(rows, title=title), align=("left",))


def robustness_rows(
    rows: Mapping[str, tuple[Spread, Mapping[str, Spread]]], *, title: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of means over seeds, a column for every condition.

    Args:
        rows: By their names, the score as recorded and the scores under the conditions; rows without the latter are left
            out. At least one has them.
        title: What the names are of.
    """
    shown = {name: row for name, row in rows.items() if row[1]}
    conditions = [name for name in CONDITIONS if any(name in under for _, under in shown.values())]
    cells = [
        (name, score_text(clean.mean), *(score_text(under[one].mean if one in under else None) for one in conditions))
        for name, (clean, under) in shown.items()
    ]
    return (title, "As recorded", *(CONDITIONS[one].title for one in conditions)), cells

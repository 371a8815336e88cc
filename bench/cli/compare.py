"""`bench compare`: whether rows of leaderboards, finals or reproductions differ by more than chance."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.common import ResultsDir, options_of
from bench.evaluation.paired_comparison import Comparison
from bench.evaluation.pairwise import PairedRows
from bench.files import results_directory
from bench.reporting.numbers import interval_claim, p_value_text, readable_name, score_text
from bench.reporting.row_comparison import RowComparison, compare_references
from bench.reporting.terminal import print_table


def command(
    rows: Annotated[
        list[str],
        typer.Argument(
            metavar="ROW ROW...",
            help="leaderboards/fsdd.json:ID, STUDY/final-1, STUDY/final-1-seed-0, or reproduce-NAME.",
            show_default=False,
        ),
    ],
    results: ResultsDir = None,
) -> None:
    """Compare rows clip by clip, or fold by fold: their difference with its interval, and whether it is more than chance."""
    comparison = compare_references(results_directory(options_of(results=results).results), rows)
    cells = [_cells(comparison, pair) for pair in comparison.pairs]
    print_table(("a", "b", "of a", "of b", "a - b", "95 % interval", "p", "verdict"), cells, left=(0, 1, 7))
    first = comparison.pairs[0].comparison
    metric = readable_name(comparison.rows[0].objective)
    print(f"\nTest {metric}; {first.interval.method}; for {interval_claim(first.interval, comparison.noun)}")
    if any(_disagrees(pair.comparison) for pair in comparison.pairs):
        print("p takes seeds of equal rows to vary alike, the interval does not: see docs/statistics.md")
    if len(comparison.pairs) > 1:
        print(f"p values are Holm's over {len(comparison.pairs)} pairs; intervals are of one pair each")
    elif first.mcnemar is not None:
        print(f"McNemar's exact p, which takes clips as independent and covers no seeds: {p_value_text(first.mcnemar)}")


def _disagrees(result: Comparison) -> bool:
    """Whether the p value and the interval of a pair do not say the same."""
    return result.differs != (not result.interval.low <= 0 <= result.interval.high)


def _cells(comparison: RowComparison, pair: PairedRows) -> tuple[str, ...]:
    result = pair.comparison
    verdict = f"{'a' if result.difference > 0 else 'b'} is better" if pair.differs else "tie"
    return (
        comparison.rows[pair.a].name,
        comparison.rows[pair.b].name,
        score_text(result.a),
        score_text(result.b),
        f"{result.difference:+.4f}",
        f"{result.interval.low:+.3f} to {result.interval.high:+.3f}",
        p_value_text(pair.adjusted),
        verdict,
    )

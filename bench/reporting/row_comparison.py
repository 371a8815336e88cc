"""Compares rows of leaderboards, finals or reproductions, from the per-clip predictions in a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.metrics import Objective
from bench.evaluation.pairwise import PairedRows, compare_all
from bench.evaluation.predictions import Predictions
from bench.evaluation.uncertainty import why_none
from bench.reporting.over_folds import pooled_tests
from bench.reporting.publishing import load_published
from bench.results.study_folder import StudyFolder, find_run
from bench.results.study_records import RunRecord


@dataclass(frozen=True)
class RowResults:
    """A configuration with the test predictions of its seeds."""

    name: str
    """As it was asked for."""
    predictions: tuple[Predictions, ...]
    """Of each seed, on the test clips of all its outer folds."""
    data: PreparedData
    objective: Objective


@dataclass(frozen=True)
class RowComparison:
    """Rows, and what came of every pair of them."""

    rows: tuple[RowResults, ...]
    pairs: tuple[PairedRows, ...]

    @property
    def noun(self) -> str:
        """The data set's own word for groups."""
        return self.rows[0].data.group_noun


def compare_references(results: Path, references: Sequence[str]) -> RowComparison:
    """Compares every pair of rows.

    Args:
        results: The results folder, which holds the predictions.
        references: Two rows or more, as `find_row` takes them.

    Raises:
        BenchError: A row or its predictions are missing, or the rows are of different clips or objectives, or there are
            too few clips or groups.
    """
    if len(references) < 2:
        raise BenchError("name two rows at least: bench compare leaderboards/fsdd.json:ID leaderboards/fsdd.json:ID")
    rows = tuple(find_row(results, reference) for reference in references)
    first = rows[0]
    for row in rows[1:]:
        if row.objective != first.objective:
            raise BenchError(
                f"{row.name} is ranked by {row.objective} and {first.name} by {first.objective}: name others"
            )
    pairs = compare_all(
        [row.predictions for row in rows],
        balanced=first.objective == "balanced_accuracy",
        known_groups=first.data.known_groups,
    )
    if not pairs:
        some = first.predictions[0]
        why = why_none([some.predicted == some.targets], some.groups, noun=first.data.group_noun)
        raise BenchError(f"the rows cannot be compared: {why}")
    return RowComparison(rows, pairs)


def find_row(results: Path, reference: str) -> RowResults:
    """Finds the test predictions of a row's seeds in the results folder.

    Args:
        results: The results folder.
        reference: `PAGE.json:ID` for a row of a published leaderboard; `STUDY/final-1` for a finalist, or `STUDY` for the
            best; `STUDY/final-1-seed-0` for one seed; `reproduce-NAME` for a recipe or row that was run again.

    Raises:
        BenchError: There is no such row, or its predictions are not in the results folder.
    """
    page, colon, row_id = reference.rpartition(":")
    if colon and page.endswith(".json"):
        names = [run.run for run in load_published(Path(page)).row(row_id).runs]
        runs = [find_run(results, name) for name in names]
    else:
        runs = _finals(results, reference)
    tested = [(study, run) for study, run in runs if (study.run_folder(run) / "test.npz").is_file()]
    if not tested:
        raise BenchError(
            f"{reference} has no test predictions in {results}: name a final, or run it with bench reproduce"
        )
    study, run = tested[0]
    record = study.reproduction() if study.is_reproduction() else study.record()
    predictions = tuple(pooled_tests(tested, {run.spec.seed for _, run in tested}))
    return RowResults(reference, predictions, record.data, run.spec.objective)


def _finals(results: Path, reference: str) -> list[tuple[StudyFolder, RunRecord]]:
    """Returns one run if `reference` names one, and else all seeds of the finalist that it names."""
    name, _, run_name = reference.partition("/")
    if "-seed-" in run_name or run_name.startswith("trial-"):
        return [find_run(results, reference)]
    study, run = find_run(results, f"{name}/{run_name}-seed-0" if run_name else name)
    same = [each for each in study.reproduction_runs() + study.finals() if each.result.status == "complete"]
    return [(study, each) for each in same if each.spec.configuration() == run.spec.configuration()]

"""Compares rows of leaderboards, finals or reproductions, from the per-clip predictions in a results folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.metrics import Objective
from bench.evaluation.paired_comparison import Comparison
from bench.evaluation.pairwise import PairedRows, by_clips, compare_all
from bench.evaluation.predictions import Predictions
from bench.evaluation.resampled_folds import FoldScores, compare_over_folds
from bench.evaluation.uncertainty import groups_if_known, why_none
from bench.reporting.over_folds import FinalRun, fold_scores, pooled_tests
from bench.reporting.published_studies import PublishedPage
from bench.results.study_folder import StudyFolder, find_run
from bench.results.study_records import RunRecord


@dataclass(frozen=True)
class RowResults:
    """A configuration with the test predictions of its seeds."""

    name: str
    """As it was asked for."""
    predictions: tuple[Predictions, ...]
    """Of each seed, on the test clips of all its outer folds."""
    fold_scores: FoldScores | None
    """Its scores by fold, where folds are compared rather than clips."""
    data: PreparedData
    objective: Objective

    @classmethod
    def of(cls, name: str, finals: Sequence[FinalRun], data: PreparedData) -> RowResults:
        """Reads the predictions of a configuration's finals: of the seeds that were tested in all outer folds."""
        tested = Counter(run.spec.seed for _, run in finals)
        seeds = {seed for seed, folds in tested.items() if folds == max(tested.values())}
        objective = finals[0][1].spec.objective
        scores = fold_scores(finals, seeds, data=data, objective=objective)
        return cls(name, tuple(pooled_tests(finals, seeds)), scores, data, objective)


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
    pairs = compare_all(len(rows), pair_comparison(rows))
    if not pairs:
        some = first.predictions[0]
        why = why_none([some.predicted == some.targets], groups_if_known(some), noun=first.data.group_noun)
        raise BenchError(f"the rows cannot be compared: {why}")
    return RowComparison(rows, pairs)


def pair_comparison(rows: Sequence[RowResults]) -> Callable[[int, int], Comparison | None]:
    """Returns the comparison of two of several rows that fits their protocol: fold by fold, or clip by clip.

    Raises:
        BenchError: The rows are of different clips.
    """
    first = rows[0]
    clip_by_clip = by_clips(
        [row.predictions for row in rows],
        balanced=first.objective == "balanced_accuracy",
        known_groups=first.data.known_groups,
    )

    def fold_by_fold(a: int, b: int) -> Comparison | None:
        of_a, of_b = rows[a].fold_scores, rows[b].fold_scores
        return clip_by_clip(a, b) if of_a is None or of_b is None else compare_over_folds(of_a, of_b)

    return fold_by_fold


def find_row(results: Path, reference: str) -> RowResults:
    """Finds the test predictions of a row's seeds in the results folder.

    Args:
        results: The results folder.
        reference: `PAGE.json:ID` for a row of a published leaderboard, with the predictions beside it; `STUDY/final-1` for a
            finalist, or `STUDY` for the best; `STUDY/final-1-seed-0` for one seed; `reproduce-NAME` for a recipe or row that
            was run again.

    Raises:
        BenchError: There is no such row, or its predictions are not in the results folder.
    """
    page, colon, row_id = reference.rpartition(":")
    if colon and page.endswith(".json"):
        return _published_row(reference, Path(page), row_id)
    runs = _finals(results, reference)
    tested = [(study, run) for study, run in runs if (study.run_folder(run) / "test.npz").is_file()]
    if not tested:
        raise BenchError(
            f"{reference} has no test predictions in {results}: name a final, or run it with bench reproduce"
        )
    study, _ = tested[0]
    record = study.reproduction() if study.is_reproduction() else study.record()
    return RowResults.of(reference, tested, record.data)


def _published_row(reference: str, path: Path, row_id: str) -> RowResults:
    """Reads a row from the predictions beside its page."""
    page = PublishedPage.read(path)
    names = [run.run for run in page.leaderboard.row(row_id).runs]
    finals = {
        f"{study.name}/{run.name}": (study, run, record) for study, record in page.studies() for run in study.finals()
    }
    runs = [finals[name] for name in names]
    return RowResults.of(reference, [(study, run) for study, run, _ in runs], runs[0][2].data)


def _finals(results: Path, reference: str) -> list[tuple[StudyFolder, RunRecord]]:
    """Returns one run if `reference` names one, and else all seeds of the finalist that it names."""
    name, _, run_name = reference.partition("/")
    if "-seed-" in run_name or run_name.startswith("trial-"):
        return [find_run(results, reference)]
    study, run = find_run(results, f"{name}/{run_name}-seed-0" if run_name else name)
    same = [each for each in study.reproduction_runs() + study.finals() if each.result.status == "complete"]
    return [(study, each) for each in same if each.spec.configuration() == run.spec.configuration()]

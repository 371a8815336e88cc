"""Brings the outer folds of one configuration together: a seed's figure is the mean over folds, never over some of them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.data.prepared import PreparedData
from bench.evaluation.metrics import METRICS, Objective, Scores, basic_scores
from bench.evaluation.predictions import Predictions
from bench.reporting.leaderboard_records import FoldFigures, SeedRun
from bench.reporting.numbers import Spread
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord

if TYPE_CHECKING:
    from bench.evaluation.resampled_folds import FoldScores

FinalRun = tuple[StudyFolder, RunRecord]


@dataclass(frozen=True)
class SeedMeans:
    """The scores of one seed, each a mean over all outer folds."""

    seed: int
    validation: Scores
    test: Scores


def over_folds(runs: Sequence[SeedRun], *, folds: Sequence[str]) -> list[SeedMeans]:
    """Averages the runs of every seed that has been tested in all folds.

    Args:
        runs: Complete runs of one configuration.
        folds: Names of the outer folds.

    Returns:
        The seeds in the order of their first runs; none if no seed has all folds yet.
    """
    of_seeds: dict[int, list[SeedRun]] = defaultdict(list)
    for run in runs:
        of_seeds[run.spec.seed].append(run)
    return [
        SeedMeans(seed, mean_scores([run.validation for run in of_seed]), mean_scores([run.test for run in of_seed]))
        for seed, of_seed in of_seeds.items()
        if {run.spec.fold for run in of_seed} == set(folds)
    ]


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Returns the mean of every score, over folds of whatever size; the number of clips is their sum."""
    if len(scores) == 1:
        return scores[0]
    known = [each.figures() for each in scores]
    means = {
        name: statistics.fmean(of_fold[name] for of_fold in known) for name in METRICS if all(name in f for f in known)
    }
    absent = dict.fromkeys(label for each in scores for label in each.absent)
    added = [
        score.model_copy(update={"value": statistics.fmean(of_fold[score.name] for of_fold in known)})
        for score in scores[0].added
        if all(score.name in f for f in known)
    ]
    return Scores(clips=sum(each.clips for each in scores), absent=tuple(absent), added=tuple(added), **means)


def spreads(scores: Sequence[Scores]) -> dict[str, Spread]:
    """Returns the spread of every score that all of them have."""
    figures = [each.figures() for each in scores]
    return {
        name: Spread.of([values[name] for values in figures])
        for name in figures[0]
        if all(name in values for values in figures)
    }


def of_each_fold(runs: Sequence[SeedRun], folds: Sequence[str]) -> tuple[FoldFigures, ...]:
    """Returns the figures of every fold, over its seeds."""
    by_fold = {fold: [run for run in runs if run.spec.fold == fold] for fold in folds}
    return tuple(
        FoldFigures(
            name=fold,
            chosen=f"{spec.model.name} on {spec.feature.name}, {spec.configuration()[:8]}",
            clips=of_fold[0].test.clips,
            validation=spreads([run.validation for run in of_fold]),
            test=spreads([run.test for run in of_fold]),
        )
        for fold, of_fold in by_fold.items()
        if of_fold
        for spec in [of_fold[0].spec]
    )


def by_seed(finals: Sequence[FinalRun], seeds: Collection[int]) -> list[list[FinalRun]]:
    """Returns the finals of every one of the seeds, one an outer fold."""
    of_seeds: dict[int, list[FinalRun]] = defaultdict(list)
    for study, run in finals:
        if run.spec.seed in seeds:
            of_seeds[run.spec.seed].append((study, run))
    return list(of_seeds.values())


def pooled_tests(finals: Sequence[FinalRun], seeds: Collection[int]) -> list[Predictions]:
    """Returns what every seed predicted for the test clips of all its folds together."""
    return [
        _pooled([(run.spec.fold, study.predictions(run, "test")) for study, run in of_seed])
        for of_seed in by_seed(finals, seeds)
    ]


def _pooled(of_folds: Sequence[tuple[str, Predictions]]) -> Predictions:
    import numpy as np

    if len(of_folds) == 1:
        return of_folds[0][1]
    ordered = sorted(of_folds, key=lambda fold: fold[0])
    return replace(
        ordered[0][1],
        # Repeated cuts test a clip more than once.
        ids=tuple(f"{fold}: {id}" for fold, predictions in ordered for id in predictions.ids),
        groups=tuple(group for _, predictions in ordered for group in predictions.groups),
        targets=np.concatenate([predictions.targets for _, predictions in ordered]),
        probabilities=np.concatenate([predictions.probabilities for _, predictions in ordered]),
    )


def fold_scores(
    finals: Sequence[FinalRun], seeds: Collection[int], *, data: PreparedData, objective: Objective
) -> FoldScores | None:
    """Returns the test scores of every outer fold by seed; None if there is one fold alone, looked at clip by clip."""
    if len(data.folds) == 1:
        return None
    import numpy as np

    from bench.evaluation.resampled_folds import FoldScores

    of_seeds = by_seed(finals, seeds)
    tested = {(run.spec.fold, run.spec.seed): study.predictions(run, "test") for of in of_seeds for study, run in of}
    folds = dict.fromkeys(fold for fold, _ in tested)
    in_order = dict.fromkeys(seed for _, seed in tested)
    clips = {id for predictions in tested.values() for id in predictions.ids}
    groups = {group for predictions in tested.values() for group in predictions.groups}
    supports = data.folds[0].supports
    return FoldScores(
        scores=np.array(
            [[getattr(basic_scores(tested[fold, seed]), objective) for seed in in_order] for fold in folds]
        ),
        clips=len(clips),
        groups=len(groups) if all(groups) else None,
        new_groups=all(groups) and not data.known_groups,
        test_share=sum(supports["test"]) / sum(supports["train"]),
    )

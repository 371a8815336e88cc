"""Sets what a search found against what came of it: how its best score rose, what retraining left of that, and how often
the test split was looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean

from bench.errors import BenchError
from bench.evaluation.metrics import metric_title
from bench.plugins import PluginConfig
from bench.plugins.references import without_path
from bench.plugins.registry import Registry
from bench.reporting.leaderboard_records import Improvement, Looks, Optimism, Protocol, Row, SeedRun
from bench.reporting.numbers import plural, score_text
from bench.results.study_folder import reproductions, studies, validation_score
from bench.results.study_records import RunRecord


def best_so_far(trials: Iterable[RunRecord]) -> tuple[tuple[Improvement, ...], float]:
    """Computes how the best validation score of a search rose.

    Args:
        trials: Trials that have ended.

    Returns:
        The trials that were better than all before, and the hours in which trials ran, without the pauses between resumes.
    """
    ended = sorted((run for run in trials if run.result.status != "lost"), key=lambda run: (run.finished, run.number))
    improvements: list[Improvement] = []
    for count, run in enumerate(ended, start=1):
        score = validation_score(run)
        if run.result.status == "complete" and (not improvements or score > improvements[-1].score):
            hours = _busy_hours(ended[:count], until=run.finished)
            improvements.append(Improvement(trials=count, hours=hours, score=score))
    return tuple(improvements), _busy_hours(ended, until=ended[-1].finished) if ended else 0.0


def _busy_hours(runs: Iterable[RunRecord], *, until: str) -> float:
    """Hours before `until` in which at least one of the runs ran."""
    busy, last = 0.0, None
    for run in sorted(runs, key=lambda run: run.started):
        start, end = datetime.fromisoformat(run.started), datetime.fromisoformat(min(run.finished, until))
        begin = start if last is None else max(start, last)
        busy += max(0.0, (end - begin).total_seconds())
        last = end if last is None else max(last, end)
    return busy / 3600


def score_in_search(trials: Iterable[RunRecord]) -> float | None:
    """Returns the best validation score of a configuration's complete trials, the mean over the folds that were searched."""
    by_fold: dict[str, list[float]] = {}
    for run in trials:
        if run.result.status == "complete":
            by_fold.setdefault(run.spec.fold, []).append(validation_score(run))
    return fmean(map(max, by_fold.values())) if by_fold else None


def optimism(study: str, trials: Sequence[RunRecord], rows: Iterable[Row]) -> Optimism | None:
    """Sets the best trials' scores against their configurations' finals; None if some of these are not complete.

    Args:
        study: Name of the study.
        trials: All its trials. Those of every outer fold that was searched have a best of their own.
        rows: Rows of the leaderboard, among them those of its finals.
    """
    finals = [run for row in rows for run in row.runs if run.run.startswith(f"{study}/")]
    folds = tuple(dict.fromkeys(trial.spec.fold for trial in trials))
    of_folds = [
        _optimism_of_fold([trial for trial in trials if trial.spec.fold == fold], finals, fold) for fold in folds
    ]
    known = [each for each in of_folds if each is not None]
    if not known or len(known) < len(folds):
        return None
    return Optimism(
        folds=folds,
        search=fmean(each.search for each in known),
        validation=fmean(each.validation for each in known),
        test=fmean(each.test for each in known),
    )


def _optimism_of_fold(trials: Sequence[RunRecord], finals: Iterable[SeedRun], fold: str) -> Optimism | None:
    complete = [run for run in trials if run.result.status == "complete"]
    if not complete:
        return None
    best = min(complete, key=_validation_order)
    again = [run for run in finals if run.spec.fold == fold and run.spec.configuration() == best.spec.configuration()]
    if not again:
        return None
    return Optimism(
        search=validation_score(best),
        validation=fmean(getattr(run.validation, best.spec.objective) for run in again),
        test=fmean(getattr(run.test, best.spec.objective) for run in again),
    )


def _validation_order(run: RunRecord) -> tuple[float, float]:
    """Sorts as finalists are chosen: by the score that ranks, then by the loss."""
    scores = run.result.validation
    return -validation_score(run), math.inf if scores is None else scores.loss


def test_looks(results: Path, dataset: PluginConfig, revision: str, registry: Registry) -> Looks:
    """Counts the networks of a results folder that were tested on a data set; what cannot be read counts nothing."""
    configurations: list[str] = []
    folders = 0
    for study in (*studies(results), *reproductions(results)):
        try:
            record = study.reproduction() if study.is_reproduction() else study.record()
            of_record = without_path(registry, record.dataset)
            if (of_record, record.data.revision) != (without_path(registry, dataset), revision):
                continue
            runs = study.reproduction_runs() if study.is_reproduction() else study.finals()
        except BenchError:
            continue
        tested = [run.spec.configuration() for run in runs if run.result.test is not None]
        configurations += tested
        folders += bool(tested)
    return Looks(runs=len(configurations), configurations=len(set(configurations)), studies=folders)


def truth_lines(protocol: Protocol) -> list[str]:
    """Returns a line for every study on what was left of its best score, and one on the looks at the test split."""
    metric = metric_title(protocol.objective)
    lines = [
        f"Study {study.name}{_where(of, protocol)}: the best of {plural(study.finished, 'trial')} had validation {metric} "
        f"{score_text(of.search)}; the same configuration trained again with other seeds has "
        f"{score_text(of.validation)} ({of.validation - of.search:+.4f}), and on the test split "
        f"{score_text(of.test)} ({of.test - of.search:+.4f})."
        for study in protocol.studies
        if (of := study.optimism) is not None
    ]
    if (looks := protocol.test_looks) is not None:
        where = ", as far as this page knows" if looks.at_least else " in this results folder"
        lines.append(
            f"The test split was looked at {plural(looks.runs, 'time')}{' or more' * looks.at_least}, for "
            f"{plural(looks.configurations, 'configuration')} of "
            f"{plural(looks.studies, 'study or reproduction', 'studies and reproductions')}{where}."
        )
    return lines


def _where(of: Optimism, protocol: Protocol) -> str:
    """Says of which outer folds these figures are, if there are several."""
    if len(protocol.folds) == 1:
        return ""
    return f", in outer fold {of.folds[0]}" if len(of.folds) == 1 else f", mean of {len(of.folds)} outer folds"

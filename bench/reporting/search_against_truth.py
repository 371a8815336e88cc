"""Sets what a search found against what came of it: how its best score rose, what retraining left of that, and how often
the test split was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean

from bench.errors import BenchError
from bench.evaluation.metrics import metric_title
from bench.plugins import PluginConfig
from bench.reporting.leaderboard_records import Improvement, Looks, Optimism, Protocol, Row
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


def optimism(study: str, trials: Sequence[RunRecord], rows: Iterable[Row]) -> Optimism | None:
    """Sets the best trial's score against its configuration's finals; None if none of these is complete.

    Args:
        study: Name of the study.
        trials: All its trials.
        rows: Rows of the leaderboard, among them those of its finals.
    """
    from bench.search.finals import choose_finalists  # with NumPy, which bench run does without until here

    for spec in choose_finalists(list(trials), 1):
        alike = [run for run in trials if run.spec.configuration() == spec.configuration()]
        finals = [
            run
            for row in rows
            for run in row.runs
            if run.run.startswith(f"{study}/") and run.spec.configuration() == spec.configuration()
        ]
        if finals:
            return Optimism(
                search=max(map(validation_score, alike)),
                validation=fmean(getattr(run.validation, spec.objective) for run in finals),
                test=fmean(getattr(run.test, spec.objective) for run in finals),
            )
    return None


def test_looks(results: Path, dataset: PluginConfig, revision: str) -> Looks:
    """Counts the networks of a results folder that were tested on a data set; what cannot be read counts nothing."""
    configurations: list[str] = []
    folders = 0
    for study in (*studies(results), *reproductions(results)):
        try:
            record = study.reproduction() if study.is_reproduction() else study.record()
            if (record.dataset, record.data.revision) != (dataset, revision):
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
        f"Study {study.name}: the best of {plural(study.finished, 'trial')} had validation {metric} "
        f"{score_text(of.search)}; the same configuration trained again with other seeds has "
        f"{score_text(of.validation)} ({of.validation - of.search:+.4f}), and on the test split "
        f"{score_text(of.test)} ({of.test - of.search:+.4f})."
        for study in protocol.studies
        if (of := study.optimism) is not None
    ]
    if (looks := protocol.test_looks) is not None:
        lines.append(
            f"The test split was looked at {plural(looks.runs, 'time')}, for "
            f"{plural(looks.configurations, 'configuration')} of "
            f"{plural(looks.studies, 'study or reproduction', 'studies and reproductions')} in this results folder."
        )
    return lines

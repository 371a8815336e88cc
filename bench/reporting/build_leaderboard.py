"""Builds the leaderboard of a data set from all its studies in a results folder, with one section per protocol.

Two studies share a protocol, and so a table, if they have the same data (revision), the same options of the data set and
the same objective. Rows are ranked by validation, so that the first row's test score is not the best of several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.metrics import Objective, Scores, score
from bench.plugins import Recipe
from bench.reporting.commands import portable_command
from bench.reporting.leaderboard_records import Leaderboard, Protocol, Reason, Reference, Row, SeedRun, StudySummary
from bench.reporting.numbers import Spread
from bench.reporting.robustness_table import robustness_of
from bench.reporting.search_against_truth import best_so_far, optimism, test_looks
from bench.results.study_folder import StudyFolder, studies, validation_score
from bench.results.study_records import RunRecord, StudyRecord
from bench.trial import Hardware, Status

ID_LENGTH = 8
"""A row's id has so many hexadecimal digits."""


def build_leaderboard(
    results: Path,
    dataset: str,
    *,
    recipes: Mapping[str, Recipe] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Leaderboard:
    """Builds the leaderboard of a data set from all its studies in a results folder.

    A study whose record cannot be read is left out, since it may be of another data set.

    Args:
        results: The results folder.
        dataset: Name of the data set, or `NAME:ARGUMENT`.
        recipes: Installed recipes by name, for the published figures of those that were tried.
        warn: Called with a line for every study that is left out.

    Raises:
        BenchError: No final has finished yet, in which case the message says what to run, or a run cannot be read.
    """
    all_studies, unreadable = [], []
    for study in studies(results):
        try:
            all_studies.append((study, study.record()))
        except BenchError as error:
            unreadable.append(str(error))
    matching = [(study, record) for study, record in all_studies if _is_of(record, dataset)]
    if not matching and unreadable:
        raise BenchError(unreadable[0])
    if warn is not None:
        for line in unreadable:
            warn(f"study left out of the leaderboard: {line}")
    if not matching:
        known_names = {record.dataset.name for _, record in all_studies}
        hint = (
            did_you_mean(dataset, known_names)
            if known_names
            else f"start one with: bench run --dataset {dataset} --trials 100"
        )
        raise BenchError(f"no study of data set {dataset!r} in {results}: {hint}")
    return leaderboard_of(matching, dataset, recipes=recipes)


def leaderboard_of(
    members: Sequence[tuple[StudyFolder, StudyRecord]], dataset: str, *, recipes: Mapping[str, Recipe] | None = None
) -> Leaderboard:
    """Builds the leaderboard of these studies, one at least, of a data set.

    Args:
        members: The studies with their records.
        dataset: Name of the data set, or `NAME:ARGUMENT`.
        recipes: Installed recipes by name, for the published figures of those that were tried.

    Raises:
        BenchError: No final has finished yet, in which case the message says what to run, or a run cannot be read.
    """
    by_protocol: dict[str, list[tuple[StudyFolder, StudyRecord]]] = {}
    for study, record in members:
        key = f"{record.dataset.model_dump_json()} {record.data.revision} {record.objective}"
        by_protocol.setdefault(key, []).append((study, record))
    protocols = [_protocol(members, recipes or {}) for members in by_protocol.values()]
    leaderboard = Leaderboard(
        dataset=dataset,
        updated=max((run.finished for protocol in protocols for row in protocol.rows for run in row.runs), default=""),
        protocols=tuple(sorted(protocols, key=_rows_first_then_newest, reverse=True)),
    )
    if not leaderboard.rows():
        newest = max(members, key=lambda member: member[1].created)[1]
        raise BenchError(
            f"no final of data set {dataset!r} has finished yet: bench run --resume {newest.name} "
            f"finishes study {newest.name}, its {newest.options.finalists} finalists included"
        )
    return leaderboard


def _rows_first_then_newest(protocol: Protocol) -> tuple[bool, str]:
    return bool(protocol.rows), max(study.created for study in protocol.studies)


def _is_of(record: StudyRecord, dataset: str) -> bool:
    """Returns whether a study used the data set `NAME` or `NAME:ARGUMENT`, where ARGUMENT is one of its options."""
    name, colon, argument = dataset.partition(":")
    if record.dataset.name != name:
        return False
    values = [value for value in record.dataset.options.values() if isinstance(value, str)]
    return not colon or argument in values or Path(argument).resolve() in [Path(value).resolve() for value in values]


def _protocol(members: Sequence[tuple[StudyFolder, StudyRecord]], recipes: Mapping[str, Recipe]) -> Protocol:
    newest = max((record for _, record in members), key=lambda record: record.created)
    rows = _rows([study for study, _ in members], newest.objective)
    return Protocol(
        dataset=newest.dataset,
        revision=newest.data.revision,
        objective=newest.objective,
        labels=newest.data.labels,
        seconds=newest.data.seconds,
        supports=newest.data.supports,
        notes=tuple(dict.fromkeys(note for _, record in members for note in record.data.notes)),
        test_looks=test_looks(members[0][0].folder.parent, newest.dataset, newest.data.revision),
        rows=rows,
        studies=tuple(
            _summary(study, record, recipes, rows)
            for study, record in sorted(members, key=lambda member: member[1].created)
        ),
    )


def _rows(members: Sequence[StudyFolder], objective: Objective) -> tuple[Row, ...]:
    finals: dict[str, list[tuple[StudyFolder, RunRecord]]] = {}
    proposed: dict[str, list[RunRecord]] = {}
    for study in members:
        for run in study.finals():
            finals.setdefault(run.spec.configuration(), []).append((study, run))
        for trial in study.trials():
            proposed.setdefault(trial.spec.configuration(), []).append(trial)
    rows = [
        row
        for key, same_configuration in finals.items()
        if (row := _row(same_configuration, proposed.get(key, []))) is not None
    ]
    rows.sort(key=lambda row: (-row.validation[objective].mean, row.validation["loss"].mean, row.id))
    return tuple(row.model_copy(update={"rank": rank}) for rank, row in enumerate(rows, start=1))


def _row(finals: Sequence[tuple[StudyFolder, RunRecord]], trials: Sequence[RunRecord]) -> Row | None:
    """Returns the row of one configuration's finals, or None if none is complete. The caller sets its rank."""
    latest: dict[str, tuple[StudyFolder, RunRecord]] = {}
    for study, run in sorted(finals, key=lambda final: final[1].finished):
        if run.result.status == "complete":
            latest[run.spec.digest()] = (study, run)  # The same seed in two studies is one run.
    if not latest:
        return None
    complete = sorted(latest.values(), key=lambda final: (final[1].study, final[1].repeat))
    runs = tuple(_seed_run(study, run) for study, run in complete)
    first = complete[0][1]
    from bench.evaluation.uncertainty import bootstrap_interval  # with NumPy, which bench run does without until here

    tested = [study.predictions(run, "test") for study, run in complete]
    searched = [validation_score(run) for run in trials if run.result.status == "complete"]

    return Row(
        rank=0,
        id=first.spec.configuration()[:ID_LENGTH],
        origin=trials[0].origin if trials else "",
        feature=first.spec.feature,
        model=first.spec.model,
        training=first.spec.training,
        parameters=first.result.parameters,
        runs=runs,
        search=max(searched, default=None),
        validation=_spreads([run.validation for run in runs]),
        test=_spreads([run.test for run in runs]),
        test_interval=bootstrap_interval(tested, metric=first.spec.objective),
        errors=analyse_errors(tested),
        robustness=robustness_of([study.robustness(run) for study, run in complete], first.spec.objective),
        train_seconds=Spread.of([run.train_seconds for run in runs]),
        not_complete=_count_by_status(run for _, run in finals if run.result.status != "complete"),
    )


def _seed_run(study: StudyFolder, run: RunRecord) -> SeedRun:
    result = run.result
    return SeedRun(
        run=f"{run.study}/{run.name}",
        finished=run.finished,
        spec=run.spec,
        validation=score(study.predictions(run, "validation")),
        test=score(study.predictions(run, "test")),
        best_epoch=result.best_epoch,
        train_seconds=result.train_seconds,
        load=result.load,
        latency_ms=result.latency_ms,
        peak_memory_mb=result.peak_memory_mb,
        hardware=result.hardware,
    )


def _spreads(scores: Sequence[Scores]) -> dict[str, Spread]:
    """Returns the spread of every score that all runs have."""
    figures = [each.figures() for each in scores]
    return {
        name: Spread.of([values[name] for values in figures])
        for name in figures[0]
        if all(name in values for values in figures)
    }


def _summary(
    study: StudyFolder, record: StudyRecord, recipes: Mapping[str, Recipe], rows: Sequence[Row]
) -> StudySummary:
    trials, finals = study.trials(), study.finals()
    progress, hours = best_so_far(trials)
    unfinished = Counter((run.result.status, run.result.reason) for run in trials if run.result.status != "complete")
    return StudySummary(
        name=record.name,
        created=record.created,
        command=portable_command(record.command),
        trials=record.options.trials,
        finalists=record.options.finalists,
        final_seeds=record.options.final_seeds,
        seed=record.options.seed,
        epochs=tuple(sorted({run.spec.training.epochs for run in trials})),
        space={kind: parameters for kind, parameters in record.space.items() if isinstance(parameters, dict)},
        enqueued=record.enqueued,
        statuses=_count_by_status(trials),
        reasons=tuple(
            Reason(status=status, reason=reason, trials=number) for (status, reason), number in unfinished.most_common()
        ),
        finals=_count_by_status(finals),
        references=_references(trials, recipes),
        versions=record.versions,
        hardware=_distinct_hardware(trials + finals),
        progress=progress,
        hours=hours,
        optimism=optimism(record.name, trials, rows),
    )


def _count_by_status(runs: Iterable[RunRecord]) -> dict[Status, int]:
    """Returns the number of runs by status, the most frequent first."""
    return dict(Counter(run.result.status for run in runs).most_common())


def _references(trials: Iterable[RunRecord], recipes: Mapping[str, Recipe]) -> tuple[Reference, ...]:
    references = []
    for run in trials:
        recipe = recipes.get(run.origin)
        if recipe is not None and recipe.published:
            references.append(
                Reference(
                    recipe=recipe.name,
                    published=dict(recipe.published),
                    source=recipe.source,
                    validation=run.result.validation if run.result.status == "complete" else None,
                )
            )
    return tuple(references)


def _distinct_hardware(runs: Iterable[RunRecord]) -> tuple[Hardware, ...]:
    kinds = (run.result.hardware for run in runs)
    return tuple({kind.model_dump_json(): kind for kind in kinds if kind is not None}.values())

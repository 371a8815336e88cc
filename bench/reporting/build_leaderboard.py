"""Builds the leaderboard of a data set from all its studies in a results folder, with one section per protocol.

Two studies share a protocol, and so a table, if they have the same data (revision), the same options of the data set and
the same objective. Rows are ranked by validation, so that the first row's test score is not the best of several.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.metrics import score
from bench.plugins import Metric, Recipe
from bench.plugins.references import as_path, dataset_reference, path_option, published_config, without_path
from bench.plugins.registry import Registry
from bench.reporting.commands import portable_command, portable_reference, without_folders
from bench.reporting.leaderboard_records import (
    NESTED,
    Leaderboard,
    Protocol,
    Reason,
    Reference,
    Row,
    SeedRun,
    StudySummary,
)
from bench.reporting.numbers import Spread
from bench.reporting.over_folds import FinalRun, by_seed, fold_scores, of_each_fold, over_folds, pooled_tests, spreads
from bench.reporting.robustness_table import robustness_of
from bench.reporting.search_against_truth import best_so_far, optimism, score_in_search, test_looks
from bench.reporting.without_twins import with_twins_apart
from bench.results.study_folder import StudyFolder, studies
from bench.results.study_records import RunRecord, StudyRecord
from bench.trial import Hardware, Status
from bench.trial.plugin_code import changed_plugins

ID_LENGTH = 8
"""A row's id has so many hexadecimal digits."""


def build_leaderboard(
    results: Path,
    dataset: str,
    *,
    registry: Registry | None = None,
    warn: Callable[[str], None] | None = None,
) -> Leaderboard:
    """Builds the leaderboard of a data set from all its studies in a results folder.

    A study whose record cannot be read is left out, since it may be of another data set.

    Args:
        results: The results folder.
        dataset: Name of the data set, or `NAME:ARGUMENT`.
        registry: The installed plugins: figures that recipes publish stand beside those of the studies that tried them, and
            plugins whose code has changed since are named.
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
    registry = registry or Registry()
    same = {_data_key(record, registry) for _, record in all_studies if _is_of(record, dataset, registry)}
    matching = [(study, record) for study, record in all_studies if _data_key(record, registry) in same]
    if not matching and unreadable:
        raise BenchError(unreadable[0])
    if warn is not None:
        for line in unreadable:
            warn(f"study left out of the leaderboard: {line}")
    if not matching:
        known_names = {record.dataset.name for _, record in all_studies}
        meant = "" if dataset.partition(":")[0] in registry.datasets else as_path(dataset)
        hint = (
            f"for recordings of your own write {meant}"
            if meant
            else did_you_mean(dataset, known_names)
            if known_names
            else f"start one with: bench run --dataset {dataset} --trials 100"
        )
        raise BenchError(f"no study of data set {dataset!r} in {results}: {hint}")
    leaderboard = leaderboard_of(matching, dataset, registry=registry)
    looked = [
        protocol.model_copy(update={"test_looks": test_looks(results, protocol.dataset, protocol.revision, registry)})
        for protocol in leaderboard.protocols
    ]
    return leaderboard.model_copy(update={"protocols": tuple(looked)})


def leaderboard_of(
    members: Sequence[tuple[StudyFolder, StudyRecord]], dataset: str, *, registry: Registry | None = None
) -> Leaderboard:
    """Builds the leaderboard of these studies, one at least, of a data set.

    Args:
        members: The studies with their records.
        dataset: Name of the data set, or `NAME:ARGUMENT`.
        registry: The installed plugins, see `build_leaderboard`.

    Raises:
        BenchError: No final has finished yet, in which case the message says what to run, or a run cannot be read.
    """
    registry = registry or Registry()
    by_protocol: dict[str, list[tuple[StudyFolder, StudyRecord]]] = {}
    for study, record in members:
        key = f"{_data_key(record, registry)} {record.data.protocol} {record.objective}"
        by_protocol.setdefault(key, []).append((study, record))
    protocols = [
        with_twins_apart(_with_plugins(_protocol(members, registry), registry), members)
        for members in by_protocol.values()
    ]
    leaderboard = Leaderboard(
        dataset=portable_reference(dataset),
        updated=max((run.finished for protocol in protocols for row in protocol.rows for run in row.runs), default=""),
        protocols=tuple(sorted(protocols, key=_rows_first_then_newest, reverse=True)),
    )
    if not leaderboard.rows():
        newest = max(members, key=lambda member: member[1].created)[1]
        finalists = newest.options.finalists
        remedy = f"bench run --resume {newest.name} finishes study {newest.name}, its {finalists} finalists included"
        if not finalists:
            remedy = f"study {newest.name} tests nothing, by its --finalists 0; start another with finalists"
        raise BenchError(f"no final of data set {dataset!r} has finished yet: {remedy}")
    return leaderboard


def _rows_first_then_newest(protocol: Protocol) -> tuple[bool, str]:
    return bool(protocol.rows), max(study.created for study in protocol.studies)


def _data_key(record: StudyRecord, registry: Registry) -> str:
    """What studies of the same clips share, wherever those lie."""
    return f"{without_path(registry, record.dataset).model_dump_json()} {record.data.revision}"


def _is_of(record: StudyRecord, dataset: str, registry: Registry) -> bool:
    """Returns whether a study used the data set `NAME` or `NAME:ARGUMENT`, where ARGUMENT is one of its options. Paths
    are told apart by their last part, as pages name them."""
    name, colon, argument = dataset.partition(":")
    if record.dataset.name != name:
        return False
    values = [value for value in record.dataset.options.values() if isinstance(value, str)]
    takes = path_option(registry, record.dataset)
    if colon and takes is not None:
        return portable_reference(dataset) == f"{name}:{published_config(registry, record.dataset).options[takes]}"
    return not colon or argument in values or Path(argument).resolve() in [Path(value).resolve() for value in values]


def _protocol(members: Sequence[tuple[StudyFolder, StudyRecord]], registry: Registry) -> Protocol:
    newest = max((record for _, record in members), key=lambda record: record.created)
    rows = _rows(members, newest, registry.metrics.values())
    return Protocol(
        dataset=(published := published_config(registry, newest.dataset)),
        reference=dataset_reference(registry, published) if path_option(registry, published) else "",
        revision=newest.data.revision,
        protocol=newest.data.protocol,
        folds=tuple(fold.name for fold in newest.data.folds),
        objective=newest.objective,
        labels=newest.data.labels,
        seconds=newest.data.seconds,
        supports=newest.data.supports,
        notes=tuple(dict.fromkeys(without_folders(note) for _, record in members for note in record.data.notes)),
        group_noun=newest.data.group_noun,
        known_groups=newest.data.known_groups,
        rows=rows,
        studies=tuple(
            _summary(study, record, registry.recipes, rows)
            for study, record in sorted(members, key=lambda member: member[1].created)
        ),
    )


def _with_plugins(protocol: Protocol, registry: Registry) -> Protocol:
    """Notes in every row what its feature was pretrained on, and which of its plugins have other code now than when it was
    measured."""
    rows = [
        row.model_copy(
            update={
                "changed": changed_plugins([run.spec for run in row.runs], registry),
                "pretrained_on": getattr(registry.features.get(row.feature.name), "pretrained_on", ""),
            }
        )
        for row in protocol.rows
    ]
    return protocol.model_copy(update={"rows": tuple(rows)})


def _rows(
    members: Sequence[tuple[StudyFolder, StudyRecord]], newest: StudyRecord, metrics: Collection[type[Metric]]
) -> tuple[Row, ...]:
    folds = [fold.name for fold in newest.data.folds]
    finals: dict[str, list[FinalRun]] = {}
    proposed: dict[tuple[str, str], list[RunRecord]] = {}
    for study, record in members:
        for trial in study.trials():
            proposed.setdefault((trial.spec.configuration(), trial.spec.fold), []).append(trial)
        if record.options.nested:
            finals[study.name] = [(study, run) for run in _bests_of_folds(study, folds)]
            continue
        for run in study.finals():
            finals.setdefault(run.spec.configuration(), []).append((study, run))
    nested = {study.name for study, record in members if record.options.nested}
    rows = [
        row
        for key, same_configuration in finals.items()
        if (row := _row(same_configuration, folds, proposed, nested=key in nested, study=newest, metrics=metrics))
        is not None
    ]
    rows.sort(key=lambda row: (-row.validation[newest.objective].mean, row.validation["loss"].mean, row.id))
    ties = _ties(rows, members, newest)
    return tuple(
        row.model_copy(update={"rank": rank, "ties": ties.get(row.id)}) for rank, row in enumerate(rows, start=1)
    )


def _ties(
    rows: Sequence[Row], members: Sequence[tuple[StudyFolder, StudyRecord]], newest: StudyRecord
) -> dict[str, tuple[int, int]]:
    """Returns the ranks that the test clips leave open, by id: all of them if nothing can be said of the rows."""
    from bench.evaluation.pairwise import compare_all, rank_ranges
    from bench.reporting.row_comparison import RowResults, pair_comparison

    if len(rows) < 2:
        return {}
    finals = {f"{study.name}/{run.name}": (study, run) for study, _ in members for run in study.finals()}
    results = [RowResults.of(row.id, [finals[run.run] for run in row.runs], newest.data) for row in rows]
    pairs = compare_all(len(rows), pair_comparison(results))
    return dict(zip((row.id for row in rows), rank_ranges(pairs, len(rows)), strict=True))


def _bests_of_folds(study: StudyFolder, folds: Sequence[str]) -> list[RunRecord]:
    """Returns the finals of what each outer fold's search came to: a better one, after a resume, has a higher number."""
    finals = study.finals()
    last = {fold: max((run.number for run in finals if run.spec.fold == fold), default=0) for fold in folds}
    return [run for run in finals if run.number == last[run.spec.fold]]


def _row(
    finals: Sequence[FinalRun],
    folds: Sequence[str],
    proposed: Mapping[tuple[str, str], Sequence[RunRecord]],
    *,
    nested: bool,
    study: StudyRecord,
    metrics: Collection[type[Metric]],
) -> Row | None:
    """Returns the row of one configuration's finals, or None if no seed has all folds. The caller sets its rank."""
    latest: dict[str, tuple[StudyFolder, RunRecord]] = {}
    for folder, run in sorted(finals, key=lambda final: final[1].finished):
        if run.result.status == "complete":
            latest[run.spec.digest()] = (folder, run)  # The same seed in two studies is one run.
    complete = sorted(
        latest.values(), key=lambda final: (final[1].study, folds.index(final[1].spec.fold), final[1].repeat)
    )
    runs = tuple(_seed_run(folder, run, metrics) for folder, run in complete)
    seeds = over_folds(runs, folds=folds)
    if not seeds:
        return None
    first = complete[0][1]
    from bench.evaluation.uncertainty import interval_of  # with NumPy, which bench run does without until here

    complete_seeds = {seed.seed for seed in seeds}
    tested = pooled_tests(complete, complete_seeds)
    interval, no_interval = interval_of(
        tested,
        balanced=study.objective == "balanced_accuracy",
        known_groups=study.data.known_groups,
        noun=study.data.group_noun,
    )
    if (scores := fold_scores(complete, complete_seeds, data=study.data, objective=study.objective)) is not None:
        from bench.evaluation.resampled_folds import interval_over_folds

        interval, no_interval = interval_over_folds(scores), None
    keys = dict.fromkeys((run.spec.configuration(), run.spec.fold) for _, run in complete)
    trials = [trial for key in keys for trial in proposed.get(key, ())]
    return Row(
        rank=0,
        id=_row_id(run for _, run in complete),
        origin=NESTED if nested else trials[0].origin if trials else "",
        feature=first.spec.feature,
        model=first.spec.model,
        training=first.spec.training,
        parameters=None if nested else first.result.parameters,
        runs=runs,
        search=score_in_search(trials),
        validation=spreads([seed.validation for seed in seeds]),
        test=spreads([seed.test for seed in seeds]),
        test_interval=interval,
        no_interval=no_interval,
        errors=analyse_errors(tested),
        robustness=robustness_of(
            [[folder.robustness(run) for folder, run in of_seed] for of_seed in by_seed(complete, complete_seeds)],
            study.objective,
        ),
        train_seconds=Spread.of([run.train_seconds for run in runs]),
        folds=of_each_fold(runs, folds) if len(folds) > 1 else (),
        not_complete=_count_by_status(run for _, run in finals if run.result.status != "complete"),
    )


def _row_id(runs: Iterable[RunRecord]) -> str:
    """Returns the digits of a row's configuration, or of all of them if every fold has its own."""
    configurations = sorted({run.spec.configuration() for run in runs})
    if len(configurations) > 1:
        return hashlib.sha256(" ".join(configurations).encode()).hexdigest()[:ID_LENGTH]
    return configurations[0][:ID_LENGTH]


def _seed_run(study: StudyFolder, run: RunRecord, metrics: Collection[type[Metric]]) -> SeedRun:
    result = run.result
    return SeedRun(
        run=f"{run.study}/{run.name}",
        finished=run.finished,
        spec=run.spec,
        validation=score(study.predictions(run, "validation"), metrics),
        test=score(study.predictions(run, "test"), metrics),
        best_epoch=result.best_epoch,
        train_seconds=result.train_seconds,
        load=result.load,
        latency_ms=result.latency_ms,
        peak_memory_mb=result.peak_memory_mb,
        hardware=result.hardware,
    )


def _summary(
    study: StudyFolder, record: StudyRecord, recipes: Mapping[str, Recipe], rows: Sequence[Row]
) -> StudySummary:
    trials, finals = study.trials(), study.finals()
    progress, hours = best_so_far(trials)
    unfinished = Counter(
        (run.result.status, without_folders(run.result.reason)) for run in trials if run.result.status != "complete"
    )
    return StudySummary(
        name=record.name,
        created=record.created,
        command=portable_command(record.command),
        trials=record.trials,
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

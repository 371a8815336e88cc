"""Renders a leaderboard as a Markdown page: its tables, and below each the protocol, studies, versions and hardware."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping

from bench.evaluation.metrics import Objective
from bench.markdown import Alignment, Markup, bullets, code, code_block, details, escape, heading, page, table
from bench.plugins import PluginConfig
from bench.reporting.leaderboard_records import NESTED, Leaderboard, Protocol, Row, StudySummary
from bench.reporting.numbers import (
    ABSENT,
    count,
    duration,
    interval_claim,
    interval_text,
    plural,
    rank_text,
    readable_name,
    score_text,
    spread,
    value_range,
)
from bench.reporting.without_twins import twins_section
from bench.trial import Status

MAX_REASONS = 15


def render_leaderboard(leaderboard: Leaderboard, *, source: str) -> str:
    """Renders the page.

    Args:
        leaderboard: The leaderboard.
        source: Path of its JSON as a reader will type it in `bench reproduce SOURCE:ID`.
    """
    several = len(leaderboard.protocols) > 1
    opening = Markup(
        f"Written by {code('bench leaderboard')} from stored per-clip predictions; last run finished "
        f"{escape(leaderboard.updated)}. Everything behind the page is in {code(source)}."
    )
    separate = Markup(
        "The studies below differ in their data or options, so their figures cannot be compared across sections. "
        "The newest comes first."
    )
    sections: list[str] = []
    for index, protocol in enumerate(leaderboard.protocols, start=1):
        title = [heading(2, f"Protocol {index}: {protocol_name(protocol)}")] if several else []
        sections += [*title, *_section(protocol, source)]
    return page([heading(1, f"Leaderboard: {leaderboard.dataset}"), opening, separate if several else "", *sections])


def leaderboard_columns(protocol: Protocol) -> tuple[str, ...]:
    """Returns the titles of the table's columns."""
    balanced = protocol.objective == "balanced_accuracy"
    return (
        "Rank",
        "Model",
        "Feature",
        "Epochs",
        "Parameters",
        "Validation accuracy",
        *(("Validation balanced accuracy", "Test balanced accuracy") if balanced else ()),
        "Test accuracy",
        "95 % interval",
        "Macro F1",
        "Training time",
        "Row",
    )


def leaderboard_cells(row: Row, protocol: Protocol) -> tuple[str, ...]:
    """Returns the cells of one row, in the order of `leaderboard_columns`."""
    balanced = protocol.objective == "balanced_accuracy"
    return (
        rank_text(row.rank, row.ties),
        _distinct(run.spec.model.name for run in row.runs),
        _distinct(run.spec.feature.name for run in row.runs),
        _distinct(str(run.spec.training.epochs) for run in row.runs),
        count(row.parameters),
        score_text(row.validation["accuracy"].mean),
        *(
            (score_text(row.validation["balanced_accuracy"].mean), spread(row.test["balanced_accuracy"]))
            if balanced
            else ()
        ),
        spread(row.test["accuracy"]),
        interval_text(row.test_interval),
        spread(row.macro_f1),
        duration(row.train_seconds.mean),
        row.id,
    )


def _distinct(values: Iterable[str]) -> str:
    """Formats what the outer folds of a row have, which differs after a nested search: `tc-resnet, crnn`."""
    return ", ".join(dict.fromkeys(values))


def _section(protocol: Protocol, source: str) -> list[str]:
    if not protocol.rows:
        return [
            bullets(notes_on_missing_finals(protocol)),
            heading(3, "Protocol"),
            _protocol(protocol),
            *_studies(protocol),
        ]
    rows = [
        (*leaderboard_cells(row, protocol), code(shlex.join(["bench", "reproduce", f"{source}:{row.id}"])))
        for row in protocol.rows
    ]
    left: tuple[Alignment, ...] = ("right", "left", "left")
    return [
        table((*leaderboard_columns(protocol), "Reproduce"), rows, align=left),
        *_folds(protocol),
        *twins_section(protocol),
        _reading_notes(protocol),
        bullets([*notes_on_code(protocol), *notes_on_missing_finals(protocol)]),
        details("Settings and seeds of every row", _settings(protocol.rows)),
        *_published(protocol),
        heading(3, "Protocol"),
        _protocol(protocol),
        *_studies(protocol),
    ]


def _folds(protocol: Protocol) -> list[str]:
    """Returns the test figures of every outer fold of the rows, if there are several folds."""
    if len(protocol.folds) == 1:
        return []
    rows = [
        (
            str(row.rank),
            row.id,
            fold.name,
            fold.chosen,
            count(fold.clips),
            *(spread(fold.test[name]) for name in _metrics(protocol)),
        )
        for row in protocol.rows
        for fold in row.folds
    ]
    columns = (
        "Rank",
        "Row",
        "Outer fold",
        "Configuration",
        "Test clips",
        *(f"Test {readable_name(name)}" for name in _metrics(protocol)),
    )
    left: tuple[Alignment, ...] = ("right", "left", "left")
    return [heading(3, "Outer folds"), table(columns, rows, align=left)]


def _metrics(protocol: Protocol) -> tuple[Objective, ...]:
    return ("accuracy",) if protocol.objective == "accuracy" else ("balanced_accuracy", "accuracy")


def _reading_notes(protocol: Protocol) -> Markup:
    objective = readable_name(protocol.objective)
    lines = [
        f"Rows are ranked by validation {objective} (mean over seeds), never by test: the first row's test score is not the "
        "best of several. Validation figures chose the configurations and the epochs, so they flatter; test figures do not.",
        "Test accuracy and macro F1 (of the test split): mean ± sample standard deviation over n seeds of the same "
        "configuration. Validation accuracy and training time are means over these seeds; training time is the wall time "
        "of all epochs, features included.",
        *_interval_notes(protocol),
    ]
    if any(row.ties is not None for row in protocol.rows):
        lines.append(
            "Rank: the best to the worst that the test clips leave open. Rows whose ranks overlap tie, but for pairs that a "
            "paired test tells apart (p under 0.05 by Holm's method over all pairs; bench compare shows them)."
        )
    if len(protocol.folds) > 1:
        lines.append(
            f"Figures are means over {len(protocol.folds)} outer folds, each of which trains on clips of its own and tests "
            "the others; the deviation is that of these means over seeds."
        )
    lines += [
        f"Row {row.id}: not in its figures are finals that ended otherwise: {_statuses(row.not_complete)}."
        for row in protocol.rows
        if row.not_complete
    ]
    return bullets(lines)


def _interval_notes(protocol: Protocol) -> Iterable[str]:
    """Says what the intervals cover, and why a row has none."""
    objective, noun = readable_name(protocol.objective), protocol.group_noun
    intervals = [row.test_interval for row in protocol.rows if row.test_interval is not None]
    for claim in dict.fromkeys(interval_claim(value, noun) for value in intervals):
        yield f"95 % interval of the mean test {objective}: for {claim}. docs/statistics.md has the method and its coverage."
    for reason in dict.fromkeys(row.no_interval for row in protocol.rows if row.no_interval):
        yield f"No interval: {reason}."


def notes_on_missing_finals(protocol: Protocol) -> list[str]:
    """Returns a line for every study that has complete trials but no finals, with the command that runs them."""
    return [
        f"Study {study.name} has {plural(study.statuses['complete'], 'complete trial')} and no finals yet; "
        f"bench run --resume {study.name} makes them."
        for study in protocol.studies
        if study.statuses.get("complete") and not study.finals.get("complete")
    ]


def notes_on_code(protocol: Protocol) -> list[str]:
    """Returns a line for every row whose plugins have changed since, and for rows that differ by their code alone."""
    lines = [
        f"{' and '.join(row.changed)} {'have' if len(row.changed) > 1 else 'has'} changed since row {row.id} was measured; "
        "run again, it is another row."
        for row in protocol.rows
        if row.changed
    ]
    alike: dict[str, list[Row]] = {}
    for row in protocol.rows:
        settings = row.runs[0].spec.model_dump_json(exclude={"seed", "code"})
        alike.setdefault(settings, []).append(row)
    for rows in (rows for rows in alike.values() if len(rows) > 1):
        ids = ", ".join(row.id for row in rows)
        lines.append(f"Rows {ids} have the same settings, and differ by the code of their plugins.")
    return lines


def _settings(rows: Iterable[Row]) -> Markup:
    return Markup("\n\n".join(_settings_of(row) for row in rows))


def _settings_of(row: Row) -> str:
    origin = f", proposed by {row.origin}" if row.origin else ""
    seeds = table(
        ("Run", "Seed", "Best epoch", "Validation accuracy", "Test accuracy", "Macro F1", "Training time", "Latency"),
        [
            (
                run.run,
                str(run.spec.seed),
                str(run.best_epoch or ABSENT),
                score_text(run.validation.accuracy),
                score_text(run.test.accuracy),
                score_text(run.test.macro_f1),
                duration(run.train_seconds),
                ABSENT if run.latency_ms is None else f"{run.latency_ms:.2f} ms",
            )
            for run in row.runs
        ],
        align=("left",),
    )
    settings = {
        "feature": row.feature.model_dump(mode="json"),
        "model": row.model.model_dump(mode="json"),
        "training": row.training.model_dump(mode="json"),
        **({"code": row.runs[0].spec.code} if row.runs[0].spec.code else {}),
    }
    title = Markup(f"**Row {code(row.id)}**, rank {row.rank}{escape(origin)}")
    return f"{title}\n\n{seeds}\n\n{code_block(json.dumps(settings, indent=1, ensure_ascii=False), 'json')}"


def _published(protocol: Protocol) -> list[str]:
    """Returns the published figures of the recipes that the studies tried, beside the measured ones."""
    rows = [
        (
            reference.recipe,
            ", ".join(f"{readable_name(name)} {score_text(value)}" for name, value in reference.published.items()),
            score_text(reference.validation.accuracy if reference.validation else None),
            _test_accuracy_of(protocol, reference.recipe),
            reference.source,
        )
        for study in protocol.studies
        for reference in study.references
    ]
    if not rows:
        return []
    columns = ("Recipe", "Published", "Validation accuracy here (one trial)", "Test accuracy here", "Source")
    explanation = (
        "These are the source's figures on the data that it names: if that is not the data of this page, the two columns of "
        "figures measured here are no attempt at the same numbers."
    )
    return [heading(3, "Published figures"), explanation, table(columns, dict.fromkeys(rows), align=("left",) * 5)]


def _test_accuracy_of(protocol: Protocol, recipe: str) -> str:
    row = next((row for row in protocol.rows if row.origin == recipe), None)
    return "not among the finalists" if row is None else spread(row.test["accuracy"])


def protocol_name(protocol: Protocol) -> str:
    """Returns a title that tells a protocol from the others."""
    return f"{_config(protocol.dataset)}, revision {protocol.revision}, by {readable_name(protocol.objective)}"


def _config(config: PluginConfig) -> str:
    options = ", ".join(f"{option}={value}" for option, value in config.options.items())
    return f"{config.name} ({options})" if options else config.name


def _protocol(protocol: Protocol) -> Markup:
    lines: list[str] = [
        Markup(f"Data set: {escape(_config(protocol.dataset))}, revision {code(protocol.revision)}"),
        *_divided(protocol),
        f"{len(protocol.labels)} classes, clips padded or cut to {protocol.seconds:g} s",
        *(
            f"{split.capitalize()}: {sum(supports):,} clips, {value_range(supports)} a class"
            for split, supports in protocol.supports.items()
        ),
        f"Objective: {readable_name(protocol.objective)} on the validation split. The best configurations of every "
        "study by it were retrained with new seeds and tested once; no trial of a search has access to the test split.",
        *(Markup(f"Note on the data: {escape(note)}") for note in protocol.notes),
    ]
    return bullets(lines)


def _divided(protocol: Protocol) -> list[str]:
    """Returns how the clips are divided, and which of them chose the configurations."""
    if len(protocol.folds) == 1:
        return [f"Protocol: {protocol.protocol}"]
    return [
        f"Protocol: {protocol.protocol}, {len(protocol.folds)} outer folds: {', '.join(protocol.folds)}. Finals train and "
        "test all of them",
        *_chosen_by(protocol),
        f"The sizes below are those of outer fold {protocol.folds[0]}",
    ]


def _chosen_by(protocol: Protocol) -> Iterator[str]:
    nested = [row.id for row in protocol.rows if row.origin == NESTED]
    if nested:
        yield (
            f"Row {', '.join(nested)}: searched anew in every outer fold, by clips that it does not test. The figures are "
            "of such a search, not of one configuration"
        )
    if len(nested) < len(protocol.rows):
        yield (
            f"{'Other configurations' if nested else 'Configurations'} were chosen on the training and validation clips of "
            f"outer fold {protocol.folds[0]}, so by clips that the other folds test: their figures are of configurations "
            "that know those clips, and may flatter (--nested searches anew in every fold)"
        )


def _studies(protocol: Protocol) -> list[str]:
    return [part for study in protocol.studies for part in _study(study)]


def _study(study: StudySummary) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(study.versions.items()))
    hardware = dict.fromkeys(
        f"{kind.device}, {plural(kind.threads, 'thread')} a worker{', compiled' if kind.compiled else ''}"
        for kind in study.hardware
    )
    lines: list[str] = [
        Markup(f"Started {escape(study.created)} by {code(study.command)}"),
        f"Trials: {study.finished} of {study.trials} asked for: {_statuses(study.statuses)}",
        f"Finals: the best {study.finalists} configurations, {study.final_seeds} seeds each: {_statuses(study.finals)}",
        f"Epochs a trial: {value_range(study.epochs)}; study seed {study.seed}",
        f"Tried first: {', '.join(study.enqueued) or 'nothing in particular'}",
        f"Ran on: {'; '.join(hardware) or ABSENT}",
        f"Versions: {versions or ABSENT}",
    ]
    parts: list[str] = [heading(3, f"Study {study.name}"), bullets(lines)]
    if study.reasons:
        listed = study.reasons[:MAX_REASONS]
        left: tuple[Alignment, ...] = ("left", "left")
        rows = [(group.status, group.reason or ABSENT, count(group.trials)) for group in listed]
        omitted = len(study.reasons) - len(listed)
        more = f"\n\n{omitted} more reasons are in the JSON." if omitted else ""
        parts.append(Markup(table(("Status", "Reason", "Trials"), rows, align=left) + more))
    searched = study.space.get("searched", {})
    summary = f"Search space: {len(searched)} parameters searched, {len(study.space.get('fixed', {}))} fixed"
    parts.append(details(summary, table(("Parameter", "", "Range or value"), _space(study), align=("left",) * 3)))
    return parts


def _space(study: StudySummary) -> list[tuple[str, ...]]:
    return [
        (name, kind, code(_range(value)))
        for kind, parameters in study.space.items()
        for name, value in parameters.items()
    ]


def _range(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _statuses(statuses: Mapping[Status, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in statuses.items()) or "none"

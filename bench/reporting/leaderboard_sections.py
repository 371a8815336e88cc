"""Renders what stands below a leaderboard's table: published figures, the protocol, and the studies behind the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from bench.evaluation.metrics import metric_title
from bench.markdown import Alignment, Markup, bullets, code, details, escape, heading, table
from bench.plugins import PluginConfig
from bench.reporting.leaderboard_records import NESTED, Protocol, StudySummary
from bench.reporting.numbers import ABSENT, count, plural, readable_name, score_text, spread, value_range
from bench.trial import Status

MAX_REASONS = 15


def protocol_name(protocol: Protocol) -> str:
    """Returns a title that tells a protocol from the others."""
    official = protocol.protocol == "official"  # only then do the options of a data set's own splits count
    dataset = _config(protocol.dataset) if official else protocol.reference or protocol.dataset.name
    return f"{protocol_title(protocol)}, {dataset}, revision {protocol.revision}, by {metric_title(protocol.objective)}"


def protocol_title(protocol: Protocol) -> str:
    """Returns how clips are divided, in a few words: `official`, `leave-one-group-out, 6 outer folds`."""
    return protocol.protocol + (f", {len(protocol.folds)} outer folds" if len(protocol.folds) > 1 else "")


def recipe_figures(protocol: Protocol) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of the published figures of the recipes that the studies tried, beside the measured ones."""
    rows = [
        (
            reference.recipe,
            ", ".join(f"{readable_name(name)} {score_text(value)}" for name, value in reference.published.items()),
            score_text(getattr(reference.validation, protocol.objective) if reference.validation else None),
            _test_score_of(protocol, reference.recipe),
            reference.source,
        )
        for study in protocol.studies
        for reference in study.references
    ]
    metric = metric_title(protocol.objective)
    columns = ("Recipe", "Published", f"Validation {metric} here (one trial)", f"Test {metric} here", "Source")
    return columns, list(dict.fromkeys(rows))


def published_figures_of(protocol: Protocol) -> list[str]:
    """Returns the section of `recipe_figures`, if there are any."""
    columns, rows = recipe_figures(protocol)
    if not rows:
        return []
    explanation = (
        "These are the source's figures on the data that it names: if that is not the data of this page, the two columns of "
        "figures measured here are no attempt at the same numbers."
    )
    return [heading(3, "Published figures"), explanation, table(columns, rows, align=("left",) * 5)]


def _test_score_of(protocol: Protocol, recipe: str) -> str:
    row = next((row for row in protocol.rows if row.origin == recipe), None)
    return "not among the finalists" if row is None else spread(row.test[protocol.objective])


def _config(config: PluginConfig) -> str:
    options = ", ".join(f"{option}={value}" for option, value in config.options.items())
    return f"{config.name} ({options})" if options else config.name


def protocol_lines(protocol: Protocol) -> Markup:
    """Returns what all rows of a table share: the data, its splits and the objective."""
    lines: list[str] = [
        Markup(f"Data set: {escape(_config(protocol.dataset))}, revision {code(protocol.revision)}"),
        *_divided(protocol),
        f"{len(protocol.labels)} classes, clips padded or cut to {protocol.seconds:g} s",
        *(
            f"{split.capitalize()}: {sum(supports):,} clips, {value_range(supports)} a class"
            for split, supports in protocol.supports.items()
        ),
        f"Objective: {metric_title(protocol.objective)} on the validation split. The best configurations of every "
        "study by it were retrained with new seeds and tested once; no trial of a search has access to the test split. Of "
        "configurations, and of a training's epochs, with the same score the one with the lower validation loss is taken.",
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
        "Options of the data set for its official splits do not count",
        f"The sizes below are those of outer fold {protocol.folds[0]}",
    ]


def chosen_by(protocol: Protocol) -> Iterator[str]:
    """Says of the rows over several outer folds which clips chose their configurations."""
    if len(protocol.folds) == 1:
        return
    nested = [row.id for row in protocol.rows if row.origin == NESTED]
    if nested:
        yield (
            f"Row {', '.join(nested)}: searched anew in every outer fold, by clips that it does not test. The figures are "
            "of such a search, not of one configuration."
        )
    if len(nested) < len(protocol.rows):
        yield (
            f"{'Other configurations' if nested else 'Configurations'} were chosen on the training and validation clips of "
            f"outer fold {protocol.folds[0]}, of which the search score is, so by clips that other folds test: the means "
            "over folds are of configurations that know those clips, and may flatter (--nested searches anew in every fold)."
        )


def study_sections(protocol: Protocol) -> list[str]:
    """Returns a section for every study: its command, trials, versions and search space."""
    return [part for study in protocol.studies for part in _study(study)]


def _study(study: StudySummary) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(study.versions.items()))
    hardware = dict.fromkeys(
        f"{kind.device}, {plural(kind.threads, 'thread')} a worker{', compiled' if kind.compiled else ''}"
        for kind in study.hardware
    )
    lines: list[str] = [
        Markup(f"Started {escape(study.created)} by {code(study.command)}"),
        f"Trials: {study.finished} of {study.trials} asked for: {statuses_text(study.statuses)}",
        f"Finals: the best {study.finalists} configurations, {study.final_seeds} seeds each: {statuses_text(study.finals)}",
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


def statuses_text(statuses: Mapping[Status, int]) -> str:
    """Formats numbers of runs by status: `22 complete, 8 pruned`."""
    return ", ".join(f"{number:,} {status}" for status, number in statuses.items()) or "none"

"""Renders a leaderboard as a Markdown page: its tables, and below each the protocol, studies, versions and hardware."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping

from bench.evaluation.metrics import metric_title
from bench.markdown import Alignment, Markup, bullets, code, code_block, details, escape, heading, page, table
from bench.reporting.leaderboard_notes import (
    LOADED,
    ON_TIMES,
    notes_on_code,
    notes_on_missing_finals,
    notes_on_scores,
    reading_notes,
    scores_of_rows,
)
from bench.reporting.leaderboard_records import NESTED, Leaderboard, Protocol, Row, SeedRun
from bench.reporting.leaderboard_sections import (
    protocol_lines,
    protocol_name,
    published_figures_of,
    study_sections,
)
from bench.reporting.leaderboard_table import markdown_table
from bench.reporting.numbers import (
    ABSENT,
    Spread,
    count,
    duration,
    latency,
    load_text,
    number,
    score_text,
    spread,
)
from bench.reporting.robustness_table import robustness_table
from bench.reporting.search_against_truth import truth_lines
from bench.reporting.where_it_fails import errors_of
from bench.reporting.without_twins import twins_section


def render_leaderboard(leaderboard: Leaderboard, *, source: str, figures: Mapping[int, str] | None = None) -> str:
    """Renders the page.

    Args:
        leaderboard: The leaderboard.
        figures: File names of the figures of the searches beside the page, by the protocol's number from 1.
        source: Path of its JSON as a reader will type it in `bench reproduce SOURCE:ID`.
    """
    several = len(leaderboard.protocols) > 1
    opening = Markup(
        f"Written by {code('bench leaderboard')} from stored per-clip predictions; last run finished "
        f"{escape(leaderboard.updated)}. Everything behind the page is in {code(source)}; "
        f"{code(shlex.join(['bench', 'reproduce', source]) + ':ROW')} runs a row again."
    )
    separate = Markup(
        "The studies below differ in their data or options, so their figures cannot be compared across sections. "
        "The newest comes first."
    )
    sections: list[str] = []
    for index, protocol in enumerate(leaderboard.protocols, start=1):
        title = [heading(2, f"Protocol {index}: {protocol_name(protocol)}")] if several else []
        sections += [*title, *_section(protocol, source, (figures or {}).get(index, ""))]
    return page([heading(1, f"Leaderboard: {leaderboard.dataset}"), opening, separate if several else "", *sections])


def _section(protocol: Protocol, source: str, figure: str) -> list[str]:
    below = [heading(3, "Protocol"), protocol_lines(protocol), *study_sections(protocol)]
    if not protocol.rows:
        return [bullets(notes_on_missing_finals(protocol)), *below]
    return [
        markdown_table(protocol),
        *_folds(protocol),
        *twins_section(protocol),
        bullets(reading_notes(protocol)),
        bullets([*notes_on_code(protocol), *notes_on_missing_finals(protocol)]),
        heading(3, "Every score of the test split"),
        *_scores(protocol),
        *_truth(protocol, figure),
        *_errors(protocol),
        *_robustness(protocol),
        heading(3, "Settings and seeds"),
        details(
            "Settings and seeds of every row, and the command that runs it again", _settings(protocol.rows, source)
        ),
        *published_figures_of(protocol),
        *below,
    ]


def _folds(protocol: Protocol) -> list[str]:
    if len(protocol.folds) == 1:
        return []
    left: tuple[Alignment, ...] = ("right", "left", "left")
    return [heading(3, "Outer folds"), table(*fold_rows(protocol), align=left)]


def fold_rows(protocol: Protocol) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of the test figures of every outer fold of the rows."""
    rows: list[tuple[str, ...]] = [
        (str(row.rank), row.id, fold.name, fold.chosen, count(fold.clips), spread(fold.test[protocol.objective]))
        for row in protocol.rows
        for fold in row.folds
    ]
    metric = metric_title(protocol.objective)
    return ("Rank", "Row", "Outer fold", "Configuration", "Test clips", f"Test {metric}"), rows


def _scores(protocol: Protocol) -> list[str]:
    return [table(*scores_by_row(protocol), align=("left",)), bullets(notes_on_scores(protocol))]


def scores_by_row(protocol: Protocol) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of every score of the test split."""
    texts = scores_of_rows(protocol)
    rows = [(row.id, *(_mean(row.test.get(name)) for name in texts)) for row in protocol.rows]
    return ("Row", *(text.title for text in texts.values())), rows


def _mean(value: Spread | None) -> str:
    return score_text(None if value is None else value.mean)


def _truth(protocol: Protocol, figure: str) -> list[str]:
    image = Markup(f"![Best validation score so far, by trials and by hours]({figure})") if figure else ""
    lines, in_fold = truth_lines(protocol), _in_the_searched_fold(protocol)
    return [heading(3, "The search against the truth"), *in_fold, bullets(lines), image]


def _in_the_searched_fold(protocol: Protocol) -> list[str]:
    """Returns what every row found and came to in the clips that its search knew: one outer fold, if there are several."""
    if len(protocol.folds) == 1:
        names = ("row", "epochs", "search", "validation", "test", "time")
        return [markdown_table(protocol, names)]
    fold, metric = protocol.folds[0], metric_title(protocol.objective)
    rows = [
        (
            row.id,
            score_text(row.search),
            *(spread(scores[protocol.objective]) for scores in (of_fold.validation, of_fold.test)),
        )
        for row in protocol.rows
        for of_fold in row.folds
        if of_fold.name == fold and row.origin != NESTED
    ]
    columns = ("Row", f"Search {metric}", f"Validation {metric}", f"Test {metric}")
    explanation = f"In outer fold {fold} alone, which the search knew:"
    return [explanation, table(columns, rows, align=("left",))] if rows else []


def _errors(protocol: Protocol) -> list[str]:
    sections = [
        details(f"Row {row.id}, rank {row.rank}", errors_of(row.errors, noun=protocol.group_noun))
        for row in protocol.rows
        if row.errors is not None
    ]
    return [heading(3, "Where they fail"), *sections] if sections else []


def _robustness(protocol: Protocol) -> list[str]:
    if not any(row.robustness for row in protocol.rows):
        return []
    rows = {row.id: (row.test[protocol.objective], row.robustness) for row in protocol.rows}
    explanation = (
        f"Test {metric_title(protocol.objective)}, mean over seeds, where every test clip is changed. The networks are "
        "those of the table above; nothing was trained or chosen for it."
    )
    return [heading(3, "Under other conditions"), robustness_table(rows, title="Row"), explanation]


def _settings(rows: Iterable[Row], source: str) -> Markup:
    return Markup("\n\n".join(_settings_of(row, source) for row in rows))


def _settings_of(row: Row, source: str) -> str:
    origin = f", proposed by {row.origin}" if row.origin else ""
    seeds = table(*runs_of_row(row), align=("left",))
    title = Markup(f"**Row {code(row.id)}**, rank {row.rank}{escape(origin)}")
    again = code(shlex.join(["bench", "reproduce", f"{source}:{row.id}"]))
    return f"{title}: {again}\n\n{seeds}\n\n{ON_TIMES}\n\n{code_block(settings_json(row), 'json')}"


def settings_json(row: Row) -> str:
    """Returns everything that the row was configured with."""
    settings = {
        "feature": row.feature.model_dump(mode="json"),
        "model": row.model.model_dump(mode="json"),
        "training": row.training.model_dump(mode="json"),
        **({"code": row.runs[0].spec.code} if row.runs[0].spec.code else {}),
    }
    return json.dumps(settings, indent=1, ensure_ascii=False)


def runs_of_row(row: Row) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of the runs of a row, one a seed and outer fold."""
    metric = metric_title(row.metric)
    columns = (
        "Run",
        "Seed",
        "Best epoch",
        f"Validation {metric}",
        f"Test {metric}",
        "Test log loss",
        "Training time",
        "Latency",
        "Load",
    )
    return columns, [_seed_cells(run, row) for run in row.runs]


def _seed_cells(run: SeedRun, row: Row) -> tuple[str, ...]:
    load = run.load
    return (
        run.run,
        str(run.spec.seed),
        str(run.best_epoch or ABSENT),
        score_text(getattr(run.validation, row.metric)),
        score_text(getattr(run.test, row.metric)),
        number(run.test.loss),
        duration(run.train_seconds) + LOADED * (load is not None and load.heavy),
        latency(run.latency_ms),
        load_text(load),
    )

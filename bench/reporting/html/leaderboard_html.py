"""A leaderboard as one HTML file, from the record that its Markdown page is made from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.evaluation.metrics import metric_title
from bench.reporting.html.charts import Chart
from bench.reporting.html.data_table import Cell, DataTable, data_table
from bench.reporting.html.search_charts import CostedScore, anytime_charts, cost_charts
from bench.reporting.html.templating import Link, render_html
from bench.reporting.leaderboard_notes import (
    ON_TIMES,
    notes_on_code,
    notes_on_missing_finals,
    notes_on_scores,
    reading_notes,
)
from bench.reporting.leaderboard_page import (
    fold_rows,
    runs_of_row,
    scores_by_row,
    settings_json,
)
from bench.reporting.leaderboard_records import Leaderboard, Protocol, Row
from bench.reporting.leaderboard_sections import protocol_name, recipe_figures, statuses_text
from bench.reporting.leaderboard_table import leaderboard_cells, leaderboard_columns
from bench.reporting.numbers import count, interval_text, latency, spread
from bench.reporting.robustness_table import robustness_rows
from bench.reporting.search_against_truth import truth_lines
from bench.reporting.where_it_fails import MAX_MISSED, missed_rows, part_rows


@dataclass(frozen=True)
class RowDetails:
    """What a page has of one row below the table."""

    row: Row
    runs: DataTable
    failures: tuple[DataTable, ...]
    settings: str
    again: str
    """Command that runs it again."""
    hear: str
    """Command that writes a page with its wrong clips."""


@dataclass(frozen=True)
class ProtocolSection:
    """The part of a page on one protocol."""

    protocol: Protocol
    title: str
    table: DataTable
    costs: tuple[Chart, ...]
    anytime: tuple[Chart, ...]
    notes: tuple[str, ...]
    truth: tuple[str, ...]
    scores: DataTable
    notes_on_scores: tuple[str, ...]
    folds: DataTable | None
    conditions: DataTable | None
    published: DataTable | None
    rows: tuple[RowDetails, ...]


def leaderboard_html(leaderboard: Leaderboard, *, notice: str, links: Sequence[Link] = ()) -> str:
    """Renders the page of a leaderboard that is published at its `source`.

    Args:
        leaderboard: The leaderboard.
        notice: The comment that the file begins with.
        links: Links at the top of the page, where it is one of a site.
    """
    page = render_html(
        "leaderboard.html",
        links=links,
        title=f"Leaderboard: {leaderboard.dataset}",
        leaderboard=leaderboard,
        sections=[_section(protocol, leaderboard.source) for protocol in leaderboard.protocols],
        on_times=ON_TIMES,
        statuses=statuses_text,
    )
    return f"{notice}\n{page}"


def _section(protocol: Protocol, source: str) -> ProtocolSection:
    title = f"Validation {metric_title(protocol.objective)}"
    searches = [(study.name, study.progress, study.finished, study.hours) for study in protocol.studies]
    conditions = {row.id: (row.test[protocol.objective], row.robustness) for row in protocol.rows if row.robustness}
    published = recipe_figures(protocol)
    return ProtocolSection(
        protocol=protocol,
        title=protocol_name(protocol),
        table=_table(protocol),
        costs=cost_charts([_candidate(row, protocol) for row in protocol.rows], title=title, names="rows"),
        anytime=anytime_charts(searches, title=title),
        notes=(
            *(reading_notes(protocol) if protocol.rows else ()),
            *notes_on_code(protocol),
            *notes_on_missing_finals(protocol),
        ),
        truth=tuple(truth_lines(protocol)),
        scores=data_table(*scores_by_row(protocol)),
        notes_on_scores=tuple(notes_on_scores(protocol)) if protocol.rows else (),
        folds=data_table(*fold_rows(protocol), left=4) if len(protocol.folds) > 1 else None,
        conditions=data_table(*robustness_rows(conditions, title="Row")) if conditions else None,
        published=data_table(*published, left=len(published[0])) if published[1] else None,
        rows=tuple(_details(row, protocol, source) for row in protocol.rows),
    )


def _table(protocol: Protocol) -> DataTable:
    """Returns the table of the Markdown page with the latency of one clip, whose figures are sorted as numbers."""
    *columns, last = leaderboard_columns(protocol)
    rows: list[list[str | Cell]] = []
    for row in protocol.rows:
        *cells, id = leaderboard_cells(row, protocol)
        rows.append(
            [
                *(_cell(column, text, row) for column, text in zip(columns, cells, strict=True)),
                Cell(latency(_latency(row)), _latency(row)),
                Cell(id, code=True),
            ]
        )
    return data_table((*columns, "Latency", last), rows, left=3)


def _cell(column: str, text: str, row: Row) -> str | Cell:
    if column == "Training time":
        return Cell(text, row.train_seconds.mean)
    return Cell(text, float(row.rank)) if column == "Rank" else text


def _latency(row: Row) -> float | None:
    times = [run.latency_ms for run in row.runs if run.latency_ms is not None]
    return fmean(times) if times else None


def _candidate(row: Row, protocol: Protocol) -> CostedScore:
    times = _latency(row)
    test = f"test {spread(row.test[protocol.objective])}, 95 % interval {interval_text(row.test_interval)}"
    return CostedScore(
        tip=f"Rank {row.rank}, row {row.id}: {row.model.name} on {row.feature.name}; validation "
        f"{spread(row.validation[protocol.objective])}, {test}; {count(row.parameters)} parameters, {latency(times)} a clip",
        score=row.validation[protocol.objective].mean,
        parameters=row.parameters,
        latency_ms=times,
        train_seconds=row.train_seconds.mean,
        strong=row.rank == 1,
    )


def _details(row: Row, protocol: Protocol, source: str) -> RowDetails:
    failures: list[DataTable] = []
    if (errors := row.errors) is not None:
        parts = [(protocol.group_noun.capitalize(), errors.groups), ("Classes", errors.classes)]
        failures += [data_table(*part_rows(title, of, errors)) for title, of in parts if of]
        failures += [data_table(*missed_rows(errors.missed[:MAX_MISSED]), left=3)] if errors.missed else []
    return RowDetails(
        row,
        data_table(*runs_of_row(row)),
        tuple(failures),
        settings_json(row),
        again=shlex.join(["bench", "reproduce", f"{source}:{row.id}"]),
        hear=shlex.join(["bench", "report", row.runs[0].run, "--html"]),
    )

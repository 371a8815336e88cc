"""`bench leaderboard`: the leaderboard of a data set, from all its studies and from what others handed in."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import ResultsDir, installed_plugins, options_of, warn
from bench.errors import BenchError, WrongUsage, did_you_mean
from bench.files import results_directory
from bench.markdown import printable
from bench.plugins.registry import Registry
from bench.reporting import leaderboard_notes, publishing
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.leaderboard_sections import protocol_name
from bench.reporting.leaderboard_table import (
    TABLE_COLUMNS,
    TABLE_FORMATS,
    TERMINAL_COLUMNS,
    TableFormat,
    chosen_columns,
    leaderboard_cells,
    leaderboard_columns,
    table_text,
)
from bench.reporting.search_against_truth import truth_lines
from bench.reporting.shared_pages import page_of_files, page_of_results, publish_page
from bench.reporting.terminal import print_table

SPARE = ("time", "epochs", "interval", "parameters", "search")
"""Columns that a narrow terminal does without; the page has them all."""


def command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="As in bench run: fsdd, folder:PATH, csv:FILE.")],
    publish: Annotated[
        Path | None,
        typer.Option(
            "--publish",
            metavar="DIR",
            help="Folder for the page, where rows of others stay.  \\[default: RESULTS/leaderboards, which is overwritten]",
            show_default=False,
        ),
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add",
            metavar="FILE",
            help="Merge a row of bench submit, or another page's JSON, into the page, instead of the results. Repeatable.",
            show_default=False,
        ),
    ] = None,
    new_section: Annotated[
        bool,
        typer.Option(
            "--new-section", help="Let rows of another protocol or revision than the page's stand below them."
        ),
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Print the table alone as markdown, csv, latex (booktabs), html or json; a page is written by --publish.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAME,...",
            help="Columns to print, as in rank,model,test,macro_f1,row.  \\[default: those that fit]",
            show_default=False,
        ),
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Also write the page as one HTML file.")] = False,
    results: ResultsDir = None,
) -> None:
    """Rank the finals of all studies of a data set, and write the page with everything needed to reproduce a row."""
    folder, registry = results_directory(options_of(results=results).results), installed_plugins()
    table = _table_of(format, columns)
    if publish is None and (add or new_section):
        raise WrongUsage(f"{'--add' if add else '--new-section'} goes with --publish DIR, the folder of the page")
    if publish is None and format is None:
        print_leaderboard(folder, dataset, registry=registry, names=table.names, html=html)
    elif publish is None:
        print(table.text(build_leaderboard(folder, dataset, registry=registry, warn=warn)))
    else:
        if add:
            page = page_of_files(add, dataset, publish, registry=registry, new_section=new_section)
        else:
            page = page_of_results(folder, dataset, publish, registry=registry, new_section=new_section, warn=warn)
        paths = publish_page(page, publish, html=html)
        if format is not None:
            print(table.text(page.leaderboard))
            return
        print_rows(page.leaderboard, table.names)
        _print_paths(page.leaderboard, *paths, html=html)


@dataclass(frozen=True)
class _Table:
    """What --format and --columns ask for."""

    format: TableFormat | None
    names: tuple[str, ...]

    def text(self, leaderboard: Leaderboard) -> str:
        return table_text(leaderboard, self.format or "markdown", self.names)


def _table_of(format: str | None, columns: str | None) -> _Table:
    chosen = next((known for known in TABLE_FORMATS if known == format), None)
    if format is not None and chosen is None:
        raise WrongUsage(f"--format {format}: {did_you_mean(format, TABLE_FORMATS)}")
    try:
        return _Table(chosen, () if columns is None else chosen_columns(columns))
    except BenchError as error:
        raise WrongUsage(f"--columns: {error}") from None


def print_leaderboard(
    results: Path, dataset: str, *, registry: Registry, names: Sequence[str] = (), html: bool = False
) -> None:
    """Prints the leaderboard of a data set, of these columns if any are named, and writes its page in the results folder."""
    leaderboard = build_leaderboard(results, dataset, registry=registry, warn=warn)
    print_rows(leaderboard, names)
    folder = results / "leaderboards"
    if gone := publishing.replaced_rows(leaderboard, folder):
        warn(f"rows of the page in {folder} that {results} does not have are replaced: {', '.join(gone)}")
    try:
        paths = publishing.publish(leaderboard, folder, results=results, html=html)
    except BenchError:
        if os.access(results, os.W_OK):
            raise
        warn(f"{results} cannot be written to, so no page was written: --publish FOLDER writes it elsewhere")
        return
    _print_paths(leaderboard, *paths, html=html)


def print_rows(leaderboard: Leaderboard, names: Sequence[str] = ()) -> None:
    """Prints the table of every protocol, of the columns that fit if none are named, with what is to be known of it."""
    shown = names or TERMINAL_COLUMNS
    for protocol in leaderboard.protocols:
        if len(leaderboard.protocols) > 1:
            print(f"\nProtocol: {protocol_name(protocol)}\n")
        titles = leaderboard_columns(protocol, shown)
        spare = () if names else leaderboard_columns(protocol, SPARE)
        left = [number for number, name in enumerate(shown) if TABLE_COLUMNS[name].left]
        if protocol.rows:
            rows = [leaderboard_cells(row, protocol, shown) for row in protocol.rows]
            print_table(titles, rows, left=left, spare=spare)
        for line in (
            *leaderboard_notes.notes_on_load(protocol),
            *leaderboard_notes.notes_on_code(protocol),
            *leaderboard_notes.notes_on_missing_finals(protocol),
            *truth_lines(protocol),
        ):
            print(printable(line))


def _print_paths(leaderboard: Leaderboard, page: Path, data: Path, *, html: bool) -> None:
    again = shlex.join(["bench", "reproduce", f"{data}:{leaderboard.rows()[0].id}"])
    check = shlex.join(["bench", "verify", str(data)])
    shared = f"\nHTML: {page.with_suffix('.html')}" if html else ""
    print(f"\nPage: {page}{shared}\nData: {data}\nRun a row again: {again}\nRecompute the page: {check}")

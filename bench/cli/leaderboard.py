"""`bench leaderboard`: the leaderboard of a data set, from all its studies and from what others handed in."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import ResultsDir, installed_plugins, options_of, warn
from bench.errors import BenchError, WrongUsage
from bench.files import results_directory
from bench.markdown import printable
from bench.plugins.registry import Registry
from bench.reporting import leaderboard_notes, leaderboard_page, publishing
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard
from bench.reporting.leaderboard_sections import protocol_name
from bench.reporting.search_against_truth import truth_lines
from bench.reporting.shared_pages import page_of_files, page_of_results, publish_page
from bench.reporting.terminal import print_table

SPARE = ("Training time", "Epochs", "95 % interval", "Parameters")
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
    html: Annotated[bool, typer.Option("--html", help="Also write the page as one HTML file.")] = False,
    results: ResultsDir = None,
) -> None:
    """Rank the finals of all studies of a data set, and write the page with everything needed to reproduce a row."""
    folder, registry = results_directory(options_of(results=results).results), installed_plugins()
    if publish is None:
        if add or new_section:
            raise WrongUsage(f"{'--add' if add else '--new-section'} goes with --publish DIR, the folder of the page")
        print_leaderboard(folder, dataset, registry=registry, html=html)
        return
    if add:
        page = page_of_files(add, dataset, publish, registry=registry, new_section=new_section)
    else:
        page = page_of_results(folder, dataset, publish, registry=registry, new_section=new_section, warn=warn)
    _print_rows(page.leaderboard)
    _print_paths(page.leaderboard, *publish_page(page, publish, html=html), html=html)


def print_leaderboard(results: Path, dataset: str, *, registry: Registry, html: bool = False) -> None:
    """Prints the leaderboard of a data set, and writes its page in the results folder."""
    leaderboard = build_leaderboard(results, dataset, registry=registry, warn=warn)
    _print_rows(leaderboard)
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


def _print_rows(leaderboard: Leaderboard) -> None:
    for protocol in leaderboard.protocols:
        if len(leaderboard.protocols) > 1:
            print(f"\nProtocol: {protocol_name(protocol)}\n")
        rows = [leaderboard_page.leaderboard_cells(row, protocol) for row in protocol.rows]
        if rows:
            print_table(leaderboard_page.leaderboard_columns(protocol), rows, left=(1, 2), spare=SPARE)
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

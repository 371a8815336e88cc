"""`bench reproduce`: runs a row of a published leaderboard again, or a recipe as it was published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import api
from bench.api.plugins import summary
from bench.cli.common import (
    DataDir,
    Device,
    MaxUnusable,
    ResultsDir,
    RowThreads,
    SeedWorkers,
    SettingsFlag,
    command_line,
    installed_plugins,
    options_of,
    warn,
)
from bench.errors import BenchError, WrongUsage
from bench.files import results_directory
from bench.options import RunOptions
from bench.plugins.registry import Registry
from bench.reporting.numbers import readable_name
from bench.reporting.progress import study_progress
from bench.reporting.reproductions import (
    REPRODUCTION_COLUMNS,
    format_figure,
    published_figures,
    reproduced_recipes,
    table_rows,
    write_reproductions,
)
from bench.reporting.terminal import print_table
from bench.reporting.verdicts import DIFFERS
from bench.search.reproduction import protocol


def command(
    row: Annotated[
        str,
        typer.Argument(
            metavar="[ROW]",
            help="A recipe (see --list), or leaderboards/fsdd.json:ID as the page names it.",
            show_default=False,
        ),
    ] = "",
    listing: Annotated[bool, typer.Option("--list", help="List the recipes with what was published of them.")] = False,
    table: Annotated[
        bool, typer.Option("--table", help="Print every recipe that was run: published and measured.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Run every recipe that has no result here yet, then print the table.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --table or --all: write it as Markdown, too.", show_default=False),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "-d",
            help="For a recipe: the data set.  \\[default: as published]  For a row of folder: or csv:, where it is here.",
            show_default=False,
        ),
    ] = "",
    settings: SettingsFlag = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, help="Seeds to run.  \\[default: those of the row; 3 for a recipe]", show_default=False
        ),
    ] = None,
    workers: SeedWorkers = None,
    device: Device = None,
    threads: RowThreads = None,
    max_unusable: MaxUnusable = None,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> int:
    """Train and test a recipe or a row of a leaderboard again, and say whether what came out is what was published.

    Exit code 1: it differs by more than chance explains.
    """
    if bool(row) + listing + table + every != 1:
        raise WrongUsage("name a recipe or a row of a leaderboard, or give one of --list, --table and --all")
    if output is not None and not (table or every):
        raise WrongUsage("--output is for --table and --all: the report of one recipe stands beside its results")
    options = options_of(
        settings=settings,
        workers=workers,
        device=device,
        threads=threads,
        max_unusable=max_unusable,
        data_dir=data_dir,
        results=results,
    )
    registry = installed_plugins()
    if listing:
        _list(registry)
    elif row:
        return _run(row, options, registry, dataset, seeds)
    else:
        failed = _run_all(options, registry, seeds) if every else 0
        _table(results_directory(options.results), output)
        if failed:
            raise BenchError(f"{failed} of the recipes did not come to their end: see the lines above the table")
    return 0


def _list(registry: Registry) -> None:
    recipes = [
        (name, protocol(recipe).name, published_figures(recipe.published), summary(registry, "recipe", name))
        for name, recipe in sorted(registry.recipes.items())
    ]
    print_table(("recipe", "published on", "published", "what it is"), recipes, left=(0, 1, 2, 3))


def _run(row: str, options: RunOptions, registry: Registry, dataset: str, seeds: int | None) -> int:
    """Runs one, and returns the exit code: 1 if it differs from what was published by more than chance."""
    wanted = api.wanted_of(registry, row, dataset=dataset, settings=options.settings, seeds=seeds, options=options)
    result = api.run_wanted(wanted, options, registry, study_progress(), command=command_line())
    verdicts = {seed.run: seed.verdict or "" for seed in result.comparison.seeds}
    cells = []
    for name, figure, published, measured in result.figures():
        difference = "" if published is None or measured is None else f"{measured - published:+.4f}"
        figures = (format_figure(figure, published), format_figure(figure, measured), difference)
        cells.append((name, readable_name(figure), *figures, verdicts[name]))
    print_table(("run", "figure", "published", "measured", "difference", "verdict on the seed"), cells, left=(0, 1, 5))
    for line in result.comparison.lines():
        print(line)
    for report in sorted(result.folder.glob("reproduction-*/report/report.md")):  # of median seeds, which show all
        print(f"report: {report}")
    print(f"all files: {result.folder}")
    return int(result.verdict == DIFFERS)


def _run_all(options: RunOptions, registry: Registry, seeds: int | None) -> int:
    """Runs what has no result yet; one that cannot be run is a line, and the others go on. Gives how many could not."""
    done = {recipe.record.name for recipe in reproduced_recipes(results_directory(options.results))}
    failed = 0
    for name in sorted(registry.recipes.keys() - done):
        try:
            _run(name, options, registry, "", seeds)
        except BenchError as error:
            warn(f"{name}: {error}")
            failed += 1
    return failed


def _table(results: Path, output: Path | None) -> None:
    recipes = reproduced_recipes(results)
    if not recipes:
        raise BenchError(f"no recipe was run in {results} yet: bench reproduce --list, then bench reproduce NAME")
    print_table([title.lower() for title in REPRODUCTION_COLUMNS], table_rows(recipes), left=(0, 1, 7))
    if output is not None:
        write_reproductions(recipes, output)
        print(f"page: {output}")

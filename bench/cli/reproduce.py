"""`bench reproduce`: runs a row of a published leaderboard again, or a recipe as it was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir, Settings

if TYPE_CHECKING:
    from bench.plugins import PluginConfig
    from bench.plugins.registry import Registry
    from bench.search.reproduction import Reproduction

RECIPE_SEEDS = 3


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
        Path | None, typer.Option("--output", "-o", help="With --table or --all: write it as Markdown, too.")
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "-d",
            help="For a recipe: the data set.  \\[default: as published]  For a row of folder: or csv:, where it is here.",
        ),
    ] = "",
    settings: Settings = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Seeds to run.  \\[default: those of the row; 3 for a recipe]")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, help="Seeds that run at the same time.")] = 1,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Torch threads.  \\[default: the row's; cores / workers]")
    ] = None,
    max_unusable: MaxUnusable = 0.05,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Train and test a recipe or a row of a leaderboard again, and print what was published beside what came out."""
    from bench.cli.common import parse_settings, registry
    from bench.cli.reproduce_run import Place, run
    from bench.errors import BenchError
    from bench.files import results_directory

    found = registry()
    place = Place(
        folder=results_directory(results),
        data_dir=data_dir,
        workers=workers,
        device=device,
        threads=threads,
        max_unusable=max_unusable,
    )
    if bool(row) + listing + table + every != 1:
        raise BenchError("name a recipe or a row of a leaderboard, or give one of --list, --table and --all")
    if output is not None and not (table or every):
        raise BenchError("--output is for --table and --all: the report of one recipe stands beside its results")
    given = parse_settings(settings)
    if row.endswith(".json") or ".json:" in row:
        if given:
            raise BenchError("a row of a leaderboard is run as it is: leave out --set, or name a recipe")
        run(found, _row(found, row, dataset, seeds), place)
    elif row:
        run(found, recipe_on(found, row, dataset, given, seeds), place)
    elif listing:
        _list(found)
    else:
        failed = _run_all(found, given, seeds, place) if every else 0
        _table(place.folder, output)
        if failed:
            raise BenchError(f"{failed} of the recipes did not come to their end: see the lines above the table")


def _list(found: Registry) -> None:
    from bench.cli.list import first_sentence
    from bench.reporting.reproductions import published_figures
    from bench.reporting.terminal import print_table
    from bench.search.reproduction import protocol

    rows = [
        (name, protocol(recipe).name, published_figures(recipe.published), first_sentence(recipe.summary))
        for name, recipe in sorted(found.recipes.items())
    ]
    print_table(("recipe", "published on", "published", "what it is"), rows, left=(0, 1, 2, 3))


def _run_all(found: Registry, settings: dict[str, Any], seeds: int | None, place: Any) -> int:
    """Runs what has no result yet; one that cannot be run is a line, and the others go on. How many could not."""
    from bench.cli.common import warn
    from bench.cli.reproduce_run import run
    from bench.errors import BenchError
    from bench.reporting.reproductions import reproduced

    done = {recipe.record.name for recipe in reproduced(place.folder)}
    failed = 0
    for name in sorted(found.recipes.keys() - done):
        try:
            run(found, recipe_on(found, name, "", settings, seeds), place)
        except BenchError as error:
            warn(f"{name}: {error}")
            failed += 1
    return failed


def _table(results: Path, output: Path | None) -> None:
    from bench.errors import BenchError
    from bench.reporting.reproductions import HEADER, reproduced, table_rows, write
    from bench.reporting.terminal import print_table

    recipes = reproduced(results)
    if not recipes:
        raise BenchError(f"no recipe was run in {results} yet: bench reproduce --list, then bench reproduce NAME")
    print_table([title.lower() for title in HEADER], table_rows(recipes), left=(0, 1, 6))
    if output is not None:
        write(recipes, output)
        print(f"page: {output}")


def _row(found: Registry, reference: str, dataset: str, seeds: int | None) -> Reproduction:
    from bench.errors import BenchError
    from bench.reporting.publishing import load_published
    from bench.search.reproduction import Reproduction

    path, _, identifier = (f"{reference}:" if reference.endswith(".json") else reference).rpartition(":")
    leaderboard = load_published(Path(path))
    if not identifier:
        rows = ", ".join(row.id for row in leaderboard.rows())
        raise BenchError(f"{path} is a whole leaderboard: name a row, as {path}:ROW, of {rows}")
    row = leaderboard.row(identifier)
    runs = row.runs[:seeds]
    config = _here(found, runs[0].spec.dataset, dataset)
    return Reproduction(
        name=identifier,
        folder=identifier,
        title=f"row {identifier} of {leaderboard.dataset}, rank {row.rank}, {row.model.name} on {row.feature.name}",
        dataset=config,
        specs=tuple(run.spec.model_copy(update={"dataset": config}) for run in runs),
        published=tuple(
            {"validation_accuracy": run.validation.accuracy, "test_accuracy": run.test.accuracy} for run in runs
        ),
        hardware=runs[0].hardware,
    )


def _here(found: Registry, published: PluginConfig, dataset: str) -> PluginConfig:
    """A row's data set, its files where `dataset` says that they are here. All its other options stay the row's."""
    from bench.cli.common import dataset_config
    from bench.errors import BenchError

    if not dataset:
        return published
    given = dataset_config(found, dataset, {})
    takes = found.datasets[given.name].argument
    if given.name != published.name or takes is None:
        raise BenchError(
            f"the row is of data set {published.name}: --dataset {dataset} cannot be in its place, leave it out"
        )
    return given.model_copy(update={"options": {**published.options, takes: given.options[takes]}})


def recipe_on(found: Registry, name: str, dataset: str, settings: dict[str, Any], seeds: int | None) -> Reproduction:
    """A recipe on the data set named, or else on the one that it was published on, with its options."""
    from bench.cli.common import dataset_config, reference
    from bench.reporting.publishing import file_name
    from bench.search.reproduction import of_recipe, protocol

    recipe = found.recipe(name)
    published_on = protocol(recipe)
    if not dataset or dataset == published_on.name:
        dataset = published_on.name
        settings = {f"dataset.{option}": value for option, value in published_on.options.items()} | settings
    config = dataset_config(found, dataset, settings)
    return of_recipe(
        recipe,
        config,
        folder=f"{name}-{file_name(reference(found, config))}",
        settings={name: value for name, value in settings.items() if not name.startswith("dataset.")},
        seeds=seeds or RECIPE_SEEDS,
    )

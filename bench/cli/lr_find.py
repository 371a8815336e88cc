"""`bench lr-find`: a learning-rate range test alone, its curve and what it suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import api
from bench.cli.common import (
    DataDir,
    Device,
    MaxUnusable,
    ResultsDir,
    Seed,
    SettingsFlag,
    Threads,
    installed_plugins,
    options_of,
)
from bench.errors import WrongUsage
from bench.files import results_directory, write_atomically
from bench.reporting.figures import range_test
from bench.reporting.progress import study_progress


def command(
    recipe: Annotated[str, typer.Argument(metavar="[RECIPE]", help="A recipe.", show_default=False)] = "",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="The data set.  \\[default: a recipe's first]", show_default=False)
    ] = "",
    feature: Annotated[str, typer.Option(help="Without a recipe: the feature.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="Without a recipe: the model.", show_default=False)] = "",
    settings: SettingsFlag = None,
    seed: Seed = None,
    device: Device = None,
    threads: Threads = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of the curve.  \\[default: RESULTS/lr-find-...]", show_default=False
        ),
    ] = None,
    max_unusable: MaxUnusable = None,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Raise the learning rate step by step, print the one at which the loss falls most steeply, and draw the curve."""
    if bool(recipe) == bool(feature or model) or (not recipe and not (dataset and feature and model)):
        raise WrongUsage("name a recipe, or give --dataset, --feature and --model: see bench lr-find --help")
    options = options_of(
        features=None if recipe else feature,
        models=None if recipe else model,
        settings=settings,
        seed=seed,
        device=device,
        threads=threads,
        max_unusable=max_unusable,
        data_dir=data_dir,
        results=results,
    )
    callback = study_progress()
    with callback:
        run = api.find_learning_rate(
            options, registry=installed_plugins(), recipe=recipe, dataset=dataset, callback=callback
        )
    name = f"lr-find-{recipe or f'{model}-{feature}'}-{run.dataset.replace(':', '-')}"
    _show(run, output or results_directory(options.results) / name)


def _show(run: api.RangeTestRun, folder: Path) -> None:
    """Prints the suggestion; writes the curve as PNG and its points as CSV."""
    test = run.test
    lines = [
        "learning_rate,loss",
        *(f"{rate:.6g},{loss:.6g}" for rate, loss in zip(test.rates, test.losses, strict=True)),
    ]
    write_atomically(folder / "range-test.csv", "\n".join(lines) + "\n")
    write_atomically(folder / "range-test.png", range_test(test, run.title))
    print(
        f"suggested learning rate: {test.suggestion:.2e}, where the loss fell most steeply in {len(test.rates)} steps"
    )
    print(f"curve:  {folder / 'range-test.png'}")
    print(f"points: {folder / 'range-test.csv'}")
    print(f"to use: --set training.learning_rate={test.suggestion:.2e}, or training.find_learning_rate=true")

"""`bench reproduce`: runs a row of a published leaderboard again, or a recipe as it was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir

if TYPE_CHECKING:
    from bench.plugins.registry import Registry
    from bench.search.reproduction import Reproduction


def command(
    row: Annotated[
        str,
        typer.Argument(
            metavar="ROW", help="leaderboards/fsdd.json:ID as the page names it, or a recipe. See: bench list recipes"
        ),
    ],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="For a recipe: the data set.  \\[default: its first]")
    ] = "",
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
    """Train and test one row of a leaderboard again, and print what was published beside what came out."""
    import torch

    from bench.cli.common import registry, warn
    from bench.cli.progress import PreparationProgress
    from bench.data.preparation import prepare
    from bench.executors.local import LocalExecutor
    from bench.files import cache_directory, data_directory, results_directory
    from bench.reporting.numbers import share
    from bench.reporting.terminal import print_table
    from bench.results.store import Study
    from bench.search.reproduction import reproduce
    from bench.training.device import choose_device
    from bench.trial.run import hardware

    found = registry()
    is_row = ".json:" in row or row.endswith(".json")
    wanted = _row(row, seeds) if is_row else _recipe(found, row, dataset, seeds)
    with PreparationProgress() as progress:
        data = prepare(
            found.dataset(wanted.dataset),
            data_dir=data_directory(data_dir),
            cache_dir=cache_directory(),
            sample_rates=[found.feature(wanted.specs[0].feature).sample_rate],
            max_unusable=max_unusable,
            progress=progress,
        )
    for line in (*data.notes, *wanted.differences(data, hardware(torch.device("cpu")).versions)):
        warn(line)
    chosen, why = choose_device(device)
    print(f"{wanted.title}: {len(wanted.specs)} seed(s) on {why}")
    study = Study(results_directory(results) / f"reproduce-{wanted.name}")
    executor = LocalExecutor(
        workers=min(workers, len(wanted.specs)),
        device=chosen,
        log_folder=study.folder / "logs",
        threads=threads or wanted.threads,
    )
    try:
        runs = reproduce(wanted, data, study, executor, say=print)
    finally:
        executor.close(now=True)
    rows = []
    for run, published in zip(runs, wanted.published, strict=True):
        measured = {"validation": run.result.validation, "test": run.result.test}
        for split, scores in measured.items():
            before = published.get(f"{split}_accuracy")
            now = None if scores is None else scores.accuracy
            difference = "" if before is None or now is None else f"{now - before:+.4f}"
            rows.append((run.name, split, share(before), share(now), difference))
    print_table(("run", "split", "published accuracy", "measured", "difference"), rows, left=(0, 1))
    print(f"files: {study.folder}")


def _row(reference: str, seeds: int | None) -> Reproduction:
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
    hardware = runs[0].hardware
    return Reproduction(
        name=identifier,
        title=f"row {identifier} of {leaderboard.dataset}, rank {row.rank}, {row.model.name} on {row.feature.name}",
        dataset=runs[0].spec.dataset,
        specs=tuple(run.spec for run in runs),
        published=tuple(
            {"validation_accuracy": run.validation.accuracy, "test_accuracy": run.test.accuracy} for run in runs
        ),
        threads=None if hardware is None else hardware.threads,
        versions={} if hardware is None else hardware.versions,
    )


def _recipe(found: Registry, name: str, dataset: str, seeds: int | None) -> Reproduction:
    from bench.cli.common import dataset_config
    from bench.search.finals import final_seed
    from bench.search.reproduction import Reproduction
    from bench.trial import TrialSpec

    recipe = found.recipe(name)
    config = dataset_config(found, dataset or recipe.datasets[0], {})
    specs = tuple(
        TrialSpec(
            dataset=config,
            revision="",
            feature=recipe.feature,
            model=recipe.model,
            training=recipe.training,
            seed=final_seed(0, repeat),
        )
        for repeat in range(seeds or 3)
    )
    published = recipe.published if config.name == recipe.datasets[0] else {}
    return Reproduction(
        name=name,
        title=f"recipe {name} on {config.name}",
        dataset=config,
        specs=specs,
        published=tuple(dict(published) for _ in specs),
    )

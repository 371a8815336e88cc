"""`bench reproduce`: runs a row of a published leaderboard again, or a recipe as it was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir

if TYPE_CHECKING:
    from bench.plugins import PluginConfig
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
        str,
        typer.Option(
            "--dataset",
            "-d",
            help="For a recipe: the data set.  \\[default: its first]  For a row of folder: or csv:, where it is here.",
        ),
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

    from bench.cli.common import command_line, registry, warn
    from bench.cli.progress import PreparationProgress
    from bench.data.preparation import prepare
    from bench.executors.local import LocalExecutor
    from bench.files import cache_directory, data_directory, results_directory
    from bench.reporting.numbers import plural, share
    from bench.reporting.run_report import write_run_report
    from bench.reporting.terminal import print_table
    from bench.results.store import Study
    from bench.search.reproduction import reproduce
    from bench.training.device import choose_device
    from bench.trial.run import hardware

    found = registry()
    is_row = ".json:" in row or row.endswith(".json")
    wanted = _row(found, row, dataset, seeds) if is_row else _recipe(found, row, dataset, seeds)
    chosen, why = choose_device(device)
    found.model(wanted.specs[0].model)  # which raises where it is not installed, before audio is decoded for minutes
    with PreparationProgress() as progress:
        data = prepare(
            found.dataset(wanted.dataset),
            data_dir=data_directory(data_dir),
            cache_dir=cache_directory(),
            sample_rates=[found.feature(wanted.specs[0].feature).sample_rate],
            max_unusable=max_unusable,
            progress=progress,
        )
    for line in (*data.notes, *wanted.differences(data, hardware(torch.device(chosen)))):
        warn(line)
    print(f"{wanted.title}: {plural(len(wanted.specs), 'seed')} on {why}")
    study = Study(results_directory(results) / f"reproduce-{wanted.name}")
    executor = LocalExecutor(
        workers=min(workers, len(wanted.specs)),
        device=chosen,
        log_folder=study.folder / "logs",
        threads=threads or (wanted.hardware.threads if wanted.hardware else None),
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
    for run in runs:
        paths = write_run_report(study, run, study.report_folder(run), data=data, command=command_line())
        print(f"report: {paths.markdown}")
    print(f"all files: {study.folder}")


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


def _recipe(found: Registry, name: str, dataset: str, seeds: int | None) -> Reproduction:
    from bench.cli.common import dataset_config, reference
    from bench.reporting.publishing import file_name
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
        name=f"{name}-{file_name(reference(found, config))}",
        title=f"recipe {name} on {config.name}",
        dataset=config,
        specs=specs,
        published=tuple(dict(published) for _ in specs),
    )

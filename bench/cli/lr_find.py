"""`bench lr-find`: a learning-rate range test alone, its curve and what it suggests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir, Settings

if TYPE_CHECKING:
    from bench.data.prepared import PreparedData
    from bench.plugins.registry import Registry
    from bench.trial import RangeTest, TrialSpec


def command(
    recipe: Annotated[str, typer.Argument(metavar="[RECIPE]", help="A recipe.", show_default=False)] = "",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="The data set.  \\[default: a recipe's first]", show_default=False)
    ] = "",
    feature: Annotated[str, typer.Option(help="Without a recipe: the feature.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="Without a recipe: the model.", show_default=False)] = "",
    settings: Settings = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the weights and of the batches.")] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Torch threads.  \\[default: cores]")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the curve.  \\[default: RESULTS/lr-find-...]"),
    ] = None,
    max_unusable: MaxUnusable = 0.05,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Raise the learning rate step by step, print the one at which the loss falls most steeply, and draw the curve."""
    from bench.cli.common import parse_settings, registry, warn
    from bench.errors import BenchError
    from bench.files import data_directory, results_directory

    if bool(recipe) == bool(feature or model) or (not recipe and not (dataset and feature and model)):
        raise BenchError("name a recipe, or give --dataset, --feature and --model: see bench lr-find --help")
    found = registry()
    given = parse_settings(settings)
    spec = (
        _of_recipe(found, recipe, dataset, given) if recipe else _of_defaults(found, dataset, feature, model, given)
    ).model_copy(update={"seed": seed})
    from bench.cli.spec_data import prepare_for
    from bench.training.device import choose_device

    chosen, why = choose_device(device)
    title = f"{recipe or f'{model} on {feature}'}, {spec.dataset.name}"
    data = prepare_for(found, spec, data_dir=data_directory(data_dir), max_unusable=max_unusable).without_test()
    for line in data.notes:
        warn(line)
    print(f"{title}: learning-rate range test on {why}")
    test = _run(spec.model_copy(update={"revision": data.revision}), data, chosen, threads)
    name = f"lr-find-{recipe or f'{model}-{feature}'}-{spec.dataset.name}"
    _show(test, title, output or results_directory(results) / name)


def _of_recipe(found: Registry, name: str, dataset: str, settings: dict[str, Any]) -> TrialSpec:
    from bench.cli.reproduce import recipe_on

    return recipe_on(found, name, dataset, settings, seeds=1).specs[0]


def _of_defaults(found: Registry, dataset: str, feature: str, model: str, settings: dict[str, Any]) -> TrialSpec:
    """Defaults of the two plugins and of training, with the data set's settings and those given."""
    from bench.cli.common import dataset_config
    from bench.results.study_records import StudyRequest
    from bench.search.plan import make_plan
    from bench.search.space import candidates
    from bench.trial import TrialSpec

    config = dataset_config(found, dataset, settings)
    plugin = found.dataset(config)
    plan = make_plan(found, plugin, StudyRequest(features=(feature,), models=(model,), settings=settings))
    (candidate,) = candidates(found, plan.space, (), [(feature, model)], plugin.training)
    configuration = candidate.configuration
    return TrialSpec(
        dataset=config,
        revision="",
        feature=configuration.feature,
        model=configuration.model,
        training=configuration.training,
        seed=0,
    )


def _run(spec: TrialSpec, data: PreparedData, device: str, threads: int | None) -> RangeTest:
    """The test. Raises BenchError where the parts do not fit together, or the loss is no number from the start."""
    import torch

    from bench.cores import available_cores
    from bench.errors import BenchError
    from bench.plugins import Infeasible
    from bench.training.device_clips import DataOnDevice
    from bench.training.range_test import NoSuggestion
    from bench.trial.run_trial import run_range_test

    torch.set_num_threads(threads or available_cores())
    try:
        return run_range_test(spec, DataOnDevice(data, torch.device(device)))
    except (Infeasible, NoSuggestion) as error:
        raise BenchError(f"{spec.model.name} on {spec.feature.name}: {error}") from None


def _show(test: RangeTest, title: str, folder: Path) -> None:
    """Prints the suggestion; writes the curve as PNG and its points as CSV."""
    from bench.files import write_atomically
    from bench.reporting.figures import range_test

    lines = [
        "learning_rate,loss",
        *(f"{rate:.6g},{loss:.6g}" for rate, loss in zip(test.rates, test.losses, strict=True)),
    ]
    write_atomically(folder / "range-test.csv", "\n".join(lines) + "\n")
    write_atomically(folder / "range-test.png", range_test(test, title))
    print(
        f"suggested learning rate: {test.suggestion:.2e}, where the loss fell most steeply in {len(test.rates)} steps"
    )
    print(f"curve:  {folder / 'range-test.png'}")
    print(f"points: {folder / 'range-test.csv'}")
    print(f"to use: --set training.learning_rate={test.suggestion:.2e}, or training.find_learning_rate=true")

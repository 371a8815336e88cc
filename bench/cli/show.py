"""`bench show NAME`: one plugin in full."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from bench.api.plugins import OPTION_COLUMNS, PLUGIN_KINDS, option_rows
from bench.cli.common import DataDir, SettingsFlag, installed_plugins, options_of, warn
from bench.data.chosen_classes import chosen_labels, chosen_listing
from bench.data.decoding import listed_seconds, usual_length
from bench.errors import BenchError, WrongUsage, did_you_mean
from bench.files import data_directory
from bench.plugins import Dataset, Feature, Infeasible, Model, PluginConfig
from bench.plugins.references import dataset_config
from bench.plugins.registry import Registry
from bench.reporting.reproductions import published_figures
from bench.reporting.summary import summarise
from bench.reporting.terminal import print_table


def command(
    name: Annotated[
        str, typer.Argument(help="A data set, feature, model, recipe, metric, section or executor.", show_default=False)
    ],
    feature: Annotated[str | None, typer.Option(help="For a model: the feature that it reads.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="For a model or a recipe: the data set with the classes and the clip length.")
    ] = None,
    settings: SettingsFlag = None,
    data_dir: DataDir = None,
) -> None:
    """Show a plugin's options, ranges and source; for a recipe, or a model with --feature and --dataset, its layers."""

    options = options_of(settings=settings, data_dir=data_dir)
    registry, chosen = installed_plugins(), options.settings
    kinds = [kind for kind in PLUGIN_KINDS if (kind, name) in registry.origins]
    if not kinds:
        known = {known for _, known in registry.origins}
        raise BenchError(f"nothing is called {name!r}: {did_you_mean(name, known)} (see: bench list)")
    if (feature or dataset or chosen) and not {"model", "recipe"} & set(kinds):
        raise WrongUsage(f"{name} is a {kinds[0]}: --feature, --dataset and --set are for models and recipes")
    for number, kind in enumerate(kinds):
        shown = kind in ("model", "recipe")
        network = _network(registry, kind, name, feature, dataset, chosen) if shown else None
        if number:
            print()
        if kind == "recipe":
            _print_recipe(registry, name)
        elif kind == "executor":
            print(f"executor {name}, from {registry.origins[kind, name]}\n\n{registry.executors[name].summary}")
            print(f"\nWrite: --executor {name}\nSource: {registry.executors[name].start}")
        else:
            _print_plugin(registry, kind, name)
        if network is not None:
            segment = registry.recipes[name].training.segment_seconds if kind == "recipe" else None
            _print_layers(*network, data_directory(options.data_dir), segment=segment)
        elif shown:
            print(f"\nIts layers: bench show {name} --feature FEATURE --dataset DATASET")


def _network(
    registry: Registry, kind: str, name: str, feature: str | None, dataset: str | None, settings: dict[str, Any]
) -> tuple[Feature, Model, Dataset] | None:
    """What the layers depend on, from the options and, for a recipe, from its own parts; None where too little is said."""

    recipe = registry.recipes[name] if kind == "recipe" else None
    if recipe is None and feature is None and dataset is None and not settings:
        return None
    if recipe is None and (feature is None or dataset is None):
        raise WrongUsage(f"the layers of {name} depend on its input: give both --feature and --dataset")
    front_end = PluginConfig(name=feature) if feature is not None else recipe.feature  # type: ignore[union-attr]
    network = PluginConfig(name=name) if recipe is None else recipe.model
    reference = dataset if dataset is not None else _first_installed(registry, recipe.datasets)  # type: ignore[union-attr]
    sections = ("dataset.", f"feature.{front_end.name}.", f"model.{network.name}.")
    for key in settings:
        if not key.startswith(sections):
            raise WrongUsage(f"--set {key} has nothing to set here: keys begin with {', '.join(sections)}")
    return (
        registry.feature(_with_settings(front_end, sections[1], settings)),
        registry.model(_with_settings(network, sections[2], settings)),
        registry.dataset(dataset_config(registry, reference, settings)),
    )


def _print_plugin(registry: Registry, kind: str, name: str) -> None:
    """Docstring, source and options of a data set, feature or model."""

    plugin = getattr(registry, f"{kind}s")[name]
    print(f"{kind} {name}, from {registry.origins[kind, name]}\n")
    print(inspect.getdoc(plugin))
    if kind == "dataset":
        print(f"\nFrom: {plugin.source}" if plugin.source else "")
        print(f"Folder: {plugin.folder}" if plugin.folder else f"Write: {name}:{(plugin.argument or '').upper()}")
        if plugin.training:
            held = ", ".join(f"training.{setting}={value}" for setting, value in plugin.training.items())
            print(f"A search holds fixed, unless --set says otherwise: {held}")
    print(f"\nSource: {plugin.__module__} ({inspect.getsourcefile(plugin)})\n")
    _print_options(plugin)


def _print_options(plugin: type[BaseModel]) -> None:

    rows = option_rows(plugin)
    if not rows:
        print("It has no options.")
        return
    print_table(OPTION_COLUMNS, rows, left=range(5))


def _print_recipe(registry: Registry, name: str) -> None:

    recipe = registry.recipes[name]
    print(f"recipe {name}, from {registry.origins['recipe', name]}\n")
    print(recipe.summary)
    print(f"\nSource: {recipe.source}" if recipe.source else "")
    print(f"Data sets: {', '.join(recipe.datasets)}")
    if recipe.published:
        print(f"Published: {published_figures(recipe.published)}")
    print()
    rows = [
        (f"{part}.{option}", str(value))
        for part, options in (
            (f"feature.{recipe.feature.name}", recipe.feature.options),
            (f"model.{recipe.model.name}", recipe.model.options),
            ("training", recipe.training.model_dump()),
        )
        for option, value in options.items()
    ]
    print_table(("option", "value"), rows, left=(0, 1))


def _first_installed(registry: Registry, names: tuple[str, ...]) -> str:
    """The first data set of a recipe that is installed; the first at all where none is, for the error that follows.

    Raises BenchError where the recipe names none.
    """

    if not names:
        raise WrongUsage("the recipe names no data set: give one by --dataset")
    return next((name for name in names if name in registry.datasets), names[0])


def _with_settings(config: PluginConfig, prefix: str, settings: dict[str, Any]) -> PluginConfig:
    """The configuration with the settings `prefix` + OPTION laid over its own options."""
    own = {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}
    return config.model_copy(update={"options": {**config.options, **own}})


def _print_layers(feature: Feature, model: Model, dataset: Dataset, data_dir: Path, *, segment: float | None) -> None:
    """The network for one clip of the data set, or one segment of so many seconds, layer by layer."""

    seconds = segment if segment is not None else dataset.seconds()
    if seconds is None:
        seconds = _own_length(dataset, model, data_dir)
    what = "segments" if segment is not None else "clips"
    classes = len(chosen_labels(dataset))
    shape = feature.shape(round(seconds * feature.sample_rate))
    print(
        f"\n{model.name} on {feature.name} {list(shape)}, {seconds:g} s {what} of {dataset.name}, {classes} classes\n"
    )
    try:
        print(summarise(model, shape, classes).text)
    except Infeasible as refusal:
        raise BenchError(f"{model.name} cannot take {feature.name} of {dataset.name}: {refusal}") from None


SHOWN_SECONDS = 2.0
"""Clips for which a network is shown that takes any length, where there are none to look at."""


def _own_length(dataset: Dataset, model: Model, data_dir: Path) -> float:
    """Clip length, in seconds, that a run takes for a data set whose clips set their own. Without the data a network that
    takes any length is shown for `SHOWN_SECONDS`: its parameters do not depend on them."""

    root = dataset.root(data_dir)
    if root.exists():
        clips = [clip for clip in chosen_listing(dataset, root).clips if clip.split != "test"]
        return usual_length(listed_seconds(root, clips)) or 1.0
    line = f"{dataset.name}: its clips set their own length, and they are not at {root}"
    if not model.any_length:
        raise BenchError(f"{line}: name the folder that holds {dataset.folder or 'them'} with --data-dir")
    warn(f"{line}: shown for clips of {SHOWN_SECONDS:g} s")
    return SHOWN_SECONDS

"""Data sets as people name them: `fsdd`, `folder:PATH`, `csv:FILE`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.plugins.contracts import Dataset
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.registry import Registry, find


def dataset_config(registry: Registry, reference: str, settings: Mapping[str, Any]) -> PluginConfig:
    """The complete configuration of the data set that is called `NAME` or `NAME:ARGUMENT`.

    Args:
        registry: The plugins.
        reference: The name, with what follows the colon as the value of the data set's `argument`.
        settings: Settings by dotted name, of which those that begin with `dataset.` are the data set's options.

    Raises:
        BenchError: If there is no such data set or option, or an argument is missing or is one too many.
    """
    name, colon, argument = reference.partition(":")
    options = {key.removeprefix("dataset."): value for key, value in settings.items() if key.startswith("dataset.")}
    if name not in registry.datasets and (meant := as_path(reference)):
        raise BenchError(f"unknown dataset {reference!r}: for recordings of your own write {meant}")
    takes = find("dataset", registry.datasets, name).argument
    if colon and takes is None:
        raise BenchError(
            f"data set {name} takes nothing after a colon; its options are set by --set dataset.OPTION=VALUE"
        )
    if takes is not None:
        if not argument and takes not in options:
            raise BenchError(f"data set {name} needs its {takes}: write {name}:{takes.upper()}")
        if argument and str(options.get(takes, argument)) != argument:
            raise BenchError(f"{reference} and dataset.{takes}={options[takes]} are two: leave one out")
        if argument:
            options[takes] = argument
    return registry.dataset(PluginConfig(name=name, options=options)).config()


def as_path(reference: str) -> str:
    """What is to be written for a path alone: `folder:../mine` for `../mine`, `csv:a.csv` for `a.csv`; else nothing."""
    path = Path(reference).expanduser()
    if path.suffix.lower() == ".csv":
        return f"csv:{reference}"
    return f"folder:{reference}" if path.is_dir() or any(sign in reference for sign in "/\\") else ""


def dataset_reference(registry: Registry, config: PluginConfig) -> str:
    """The name by which `dataset_config` finds this data set."""
    takes = registry.datasets[config.name].argument
    return config.name if takes is None else f"{config.name}:{config.options[takes]}"


def location(registry: Registry, config: PluginConfig) -> str:
    """The absolute path of the folder or file that a data set is given as its argument; empty if it is given none."""
    takes = registry.datasets[config.name].argument
    path = None if takes is None else Path(str(config.options[takes])).expanduser()
    return str(path.absolute()) if path is not None and path.exists() else ""


def located_at(registry: Registry, config: PluginConfig, path: str) -> PluginConfig:
    """The same data set with its files at `path`."""
    takes = registry.datasets[config.name].argument
    return config if takes is None else config.model_copy(update={"options": {**config.options, takes: path}})


def path_option(registry: Registry, config: PluginConfig) -> str | None:
    """The option that says where a data set's files lie; None if it has none, or is not installed."""
    dataset = registry.datasets.get(config.name)
    return dataset.argument if dataset is not None and dataset.argument_is_path else None


def without_path(registry: Registry, config: PluginConfig) -> PluginConfig:
    """The data set whatever folder it lies in: its clips are known by their revision, and rows by this."""
    takes = path_option(registry, config)
    return config.model_copy(
        update={"options": {name: value for name, value in config.options.items() if name != takes}}
    )


def published_config(registry: Registry, config: PluginConfig) -> PluginConfig:
    """The data set as a page names it: its folder or file by the last part of the path, however that is spelt.

    So is every absolute path, since a data set that is not installed does not say which option is one.
    """
    takes = path_option(registry, config)
    options = {
        name: last_part(str(value))
        if name == takes or (isinstance(value, str) and Path(value).is_absolute())
        else value
        for name, value in config.options.items()
    }
    return config.model_copy(update={"options": options})


def dataset_title(dataset: Dataset) -> str:
    """What people read of a data set: `fsdd`, or `folder:recordings` for one that is given the path of its files."""
    config = dataset.config()
    if dataset.argument is None or not dataset.argument_is_path:
        return config.name
    return f"{config.name}:{last_part(str(config.options[dataset.argument]))}"


def last_part(path: str) -> str:
    """The name of a folder or file, however its path is spelt."""
    return Path(os.path.abspath(Path(path).expanduser())).name  # noqa: PTH100 (`resolve` would name what a link leads to)


def study_stem(registry: Registry, config: PluginConfig) -> str:
    """What the studies of a data set are called before their number: its name, or that of its folder or file."""
    takes = registry.datasets[config.name].argument
    if takes is None:
        return config.name
    path = Path(str(config.options[takes])).absolute()
    return (path.stem if path.suffix == ".csv" else path.name) or config.name

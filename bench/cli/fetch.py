"""`bench fetch NAME`: get a data set."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bench.cli.common import DataDir, installed_plugins, options_of
from bench.data.download import fetch
from bench.files import data_directory
from bench.plugins.references import dataset_config


def command(
    name: Annotated[str, typer.Argument(help="A data set, see: bench list datasets", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Download a data set, verify it and unpack it into its official folder."""
    registry = installed_plugins()
    dataset = registry.dataset(dataset_config(registry, name, {}))
    folder = data_directory(options_of(data_dir=data_dir).data_dir)
    if dataset.root(folder).is_dir():
        print(f"{dataset.name} is there already: {dataset.root(folder)}")
        return
    if dataset.archive is not None:
        print(f"{dataset.name}: about {dataset.archive.size / 1e6:,.0f} MB from {dataset.archive.url}")
    root = fetch(dataset, data_dir=folder, progress=sys.stderr.isatty())
    print(f"{dataset.name} is at {root}")

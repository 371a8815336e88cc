"""A check of a data set: everything that a user should know of its clips before trusting a number."""

from __future__ import annotations

from collections.abc import Callable

from bench.data.dataset_check import DatasetCheck, check_dataset_audio
from bench.files import data_directory
from bench.options import RunOptions
from bench.plugins.references import dataset_config
from bench.plugins.registry import Registry


def run_data_check(
    dataset: str, options: RunOptions, *, registry: Registry, progress: Callable[[str, int, int], None]
) -> DatasetCheck:
    """Opens every file of a data set, and looks for twins.

    Args:
        dataset: The data set as in `bench run`: its name, or NAME:ARGUMENT.
        options: Where data sets are, and settings of this one.
        registry: The installed plugins.
        progress: Called with the name of the step, how much of it is done, and how much there is.

    Returns:
        Sizes, lengths, levels and defects of the clips, and their twins.

    Raises:
        BenchError: If the data set is unknown or not there.
    """
    plugin = registry.dataset(dataset_config(registry, dataset, options.dataset_settings))
    return check_dataset_audio(plugin, data_dir=data_directory(options.data_dir), progress=progress)

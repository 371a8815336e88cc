"""The data sets that ship with the harness."""

from __future__ import annotations

from bench.plugins import Dataset
from bench_plugins.datasets import speech_commands
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder
from bench_plugins.datasets.fsdd import FSDD
from bench_plugins.datasets.spoken_digits import SpokenDigits

DATASETS: tuple[type[Dataset], ...] = (*speech_commands.DATASETS, FSDD, SpokenDigits, Folder, CsvFile)

"""The data sets that ship with the harness."""

from __future__ import annotations

from bench.plugins import Dataset
from bench_plugins.datasets import speech_commands
from bench_plugins.datasets.fsdd import FSDD
from bench_plugins.datasets.spoken_digits import SpokenDigits

DATASETS: tuple[type[Dataset], ...] = (*speech_commands.DATASETS, FSDD, SpokenDigits)

"""The data sets that ship with the harness."""

from __future__ import annotations

from bench.plugins import Dataset
from bench_plugins.datasets import speech_commands
from bench_plugins.datasets.audio_cats_and_dogs import AudioCatsAndDogs
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.emodb import EmoDB
from bench_plugins.datasets.esc import Esc10, Esc50
from bench_plugins.datasets.folder import Folder
from bench_plugins.datasets.fsdd import FSDD
from bench_plugins.datasets.philharmonia import Philharmonia
from bench_plugins.datasets.spoken_digits import SpokenDigits

DATASETS: tuple[type[Dataset], ...] = (
    *speech_commands.DATASETS,
    FSDD,
    SpokenDigits,
    AudioCatsAndDogs,
    EmoDB,
    Philharmonia,
    Esc10,
    Esc50,
    Folder,
    CsvFile,
)

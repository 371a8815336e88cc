"""What the harness asks of any data set, asked of those that ship with it and bring their own split."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from small_datasets import cats_dogs, emodb, esc, fsdd, philharmonia, speech_commands

from bench.data.download import obtain
from bench.data.preparation import load_split, prepare
from bench.plugins import Dataset, Split
from bench.plugins.contract_tests import check_dataset
from bench_plugins import bench_datasets
from bench_plugins.datasets import DATASETS
from bench_plugins.datasets.audio_cats_and_dogs import AudioCatsAndDogs
from bench_plugins.datasets.emodb import EmoDB
from bench_plugins.datasets.esc import Esc10, Esc50
from bench_plugins.datasets.fsdd import FSDD
from bench_plugins.datasets.philharmonia import Philharmonia
from bench_plugins.datasets.speech_commands import (
    SpeechCommands12,
    SpeechCommands30,
    SpeechCommands35,
    SpeechCommandsDigits,
)
from bench_plugins.datasets.spoken_digits import SpokenDigits
from bench_plugins.speech import synthesis
from bench_plugins.speech.script import VOICES
from bench_plugins.speech.synthesis import synthesise

SPEECH_COMMANDS = [SpeechCommandsDigits, SpeechCommands30, SpeechCommands35, SpeechCommands12]
STAND_INS = {
    **dict.fromkeys(SPEECH_COMMANDS, speech_commands),
    FSDD: fsdd,
    AudioCatsAndDogs: cats_dogs,
    EmoDB: emodb,
    Philharmonia: philharmonia,
    Esc10: esc,
    Esc50: esc,
}
OFFICIAL = [*STAND_INS, SpokenDigits]
ONE_VOICE_EACH: dict[Split, tuple[str, ...]] = {split: voices[:1] for split, voices in VOICES.items()}


def stand_in(dataset: type[Dataset], folder: Path) -> Path:
    """A small stand-in of a data set below `folder`, in the official layout."""
    if dataset is SpokenDigits:
        synthesise(folder / "digits", lambda done, total: None, voices=ONE_VOICE_EACH, takes=1)
        return folder / "digits"
    return STAND_INS[dataset](folder)


@pytest.mark.parametrize("dataset", OFFICIAL, ids=lambda dataset: dataset.name)
def test_labels_are_known_without_data_and_the_listing_keeps_the_contract(
    dataset: type[Dataset], tmp_path: Path
) -> None:
    check_dataset(dataset)
    check_dataset(dataset, root=stand_in(dataset, tmp_path))


@pytest.mark.parametrize(
    "dataset",
    [*(kind() for kind in OFFICIAL if kind is not FSDD), FSDD(split="speaker")],
    ids=lambda dataset: dataset.name,
)
def test_no_group_stands_in_two_splits(dataset: Dataset, tmp_path: Path) -> None:
    split_of: dict[str | None, str] = {}
    for clip in dataset.clips(stand_in(type(dataset), tmp_path)).clips:
        assert clip.group
        assert split_of.setdefault(clip.group, clip.split) == clip.split


def test_all_of_them_ship() -> None:
    names = [dataset.name for dataset in bench_datasets()]
    assert len(set(names)) == len(names) == len(DATASETS)
    assert {*(dataset.name for dataset in OFFICIAL), "folder", "csv"} == set(names)


def test_silence_of_the_twelve_is_decoded_as_cut(tmp_path: Path) -> None:
    """From the lists to samples: a second of noise for silence, padded words for the rest."""
    speech_commands(tmp_path / "data" / SpeechCommands12.folder)
    prepared = prepare(
        SpeechCommands12(), data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", sample_rates=[16000]
    )
    test = load_split(prepared, "test", sample_rate=16000)
    assert test.samples.shape == (24, 16000)
    sounding = (test.samples != 0).mean(axis=1)
    silent = test.targets == prepared.labels.index("_silence_")
    assert silent.sum() == 2 and (sounding[silent] > 0.9).all() and (sounding[~silent] < 0.11).all()
    assert prepared.supports["test"] == (2, 2, *[2] * 10)


def test_spoken_digits_are_all_made(spoken_digits: Path) -> None:
    listing = SpokenDigits().clips(SpokenDigits().root(spoken_digits))
    assert len(listing.clips) == 2400 and not listing.missing
    assert {split: sum(clip.split == split for clip in listing.clips) for split in VOICES} == {
        "train": 1600,
        "validation": 320,
        "test": 480,
    }


def test_spoken_digits_are_made_in_the_cache_where_the_data_folder_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "synthesise", partial(synthesise, voices=ONE_VOICE_EACH, takes=1))
    data = tmp_path / "data"
    data.mkdir()
    root = obtain(SpokenDigits(), data, lambda done, total: None)
    assert root == tmp_path / "cache" / SpokenDigits.folder and len(SpokenDigits().clips(root).clips) == 30
    assert list(data.iterdir()) == []

"""FSDD: the official takes, and one speaker left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from small_datasets import FSDD_SPEAKERS, fsdd

from bench.errors import BenchError
from bench.plugins import PluginConfig
from bench.plugins.registry import Registry
from bench_plugins.datasets.fsdd import FSDD


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fsdd(tmp_path_factory.mktemp("fsdd"))


def test_official_takes(root: Path) -> None:
    listing = FSDD().clips(root)
    assert Counter(clip.split for clip in listing.clips) == {"train": 2400, "validation": 300, "test": 300}
    supports = Counter((clip.split, clip.label, clip.group) for clip in listing.clips)
    assert all(supports["test", label, speaker] == 5 for label in FSDD().labels() for speaker in FSDD_SPEAKERS)
    assert all(supports["validation", label, speaker] == 5 for label in FSDD().labels() for speaker in FSDD_SPEAKERS)
    splits = {clip.path: clip.split for clip in listing.clips}
    assert [splits[f"recordings/7_theo_{take}.wav"] for take in (0, 4, 5, 9, 10, 49)] == [
        *("test", "test", "validation", "validation", "train", "train")
    ]
    assert listing.notes == ()


@pytest.mark.parametrize(
    ("options", "test", "validation"),
    [
        ({}, "theo", "yweweler"),
        ({"test_speaker": "yweweler"}, "yweweler", "george"),
        ({"test_speaker": "lucas", "validation_speaker": "jackson"}, "lucas", "jackson"),
    ],
)
def test_speakers_left_out(root: Path, options: dict[str, str], test: str, validation: str) -> None:
    listing = FSDD(split="speaker", **options).clips(root)
    speakers = {
        split: {clip.group for clip in listing.clips if clip.split == split} for split in ("test", "validation")
    }
    assert speakers == {"test": {test}, "validation": {validation}}
    assert {clip.group for clip in listing.clips if clip.split == "train"} == set(FSDD_SPEAKERS) - {test, validation}
    assert listing.notes == ()


def test_unknown_speaker_is_answered_with_the_nearest(root: Path) -> None:
    with pytest.raises(BenchError, match=r"no speaker 'teo' \(option test_speaker\): did you mean theo\?"):
        FSDD(split="speaker", test_speaker="teo").clips(root)
    with pytest.raises(BenchError, match="option validation_speaker"):
        FSDD(split="speaker", validation_speaker="nobody").clips(root)


def test_one_speaker_cannot_be_both(root: Path) -> None:
    with pytest.raises(BenchError, match="cannot be both"):
        FSDD(split="speaker", test_speaker="lucas", validation_speaker="lucas").clips(root)


def test_unknown_split_names_the_option() -> None:
    with pytest.raises(BenchError, match="option 'split'"):
        Registry(datasets={"fsdd": FSDD}).dataset(PluginConfig(name="fsdd", options={"split": "speakers"}))


def test_incomplete_copy_is_said_with_numbers(tmp_path: Path) -> None:
    root = fsdd(tmp_path)
    for path in (root / "recordings").glob("*_lucas_*.wav"):
        path.unlink()
    (root / "recordings" / "0_theo_0.wav").unlink()
    notes = FSDD().clips(root).notes
    assert any("499 of 500 recordings by theo" in note for note in notes)
    assert any("5 of 6 speakers" in note for note in notes)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="7_jackson_32"):
        FSDD().clips(tmp_path)


def test_real_copy_is_complete(shared_data: Path) -> None:
    listing = FSDD().clips(shared_data / "free-spoken-digit-dataset")
    assert Counter(clip.split for clip in listing.clips) == {"train": 2400, "validation": 300, "test": 300}
    assert listing.notes == ()
    assert Counter(clip.group for clip in listing.clips) == dict.fromkeys(FSDD_SPEAKERS, 500)

"""Speech Commands: the official split from names and lists, on the real lists and on a small tree."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from small_datasets import SPEECH_COMMANDS_SPEAKERS, speech_commands

from bench.errors import BenchError
from bench_plugins.datasets.speech_commands import (
    DIGITS,
    SILENCE,
    THIRTY,
    THIRTY_FIVE,
    UNKNOWN,
    OfficialLists,
    SpeechCommands12,
    SpeechCommands30,
    SpeechCommands35,
    SpeechCommandsDigits,
    silence,
    spoken,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return speech_commands(tmp_path / "speech_commands_v0.02")


def test_complete_official_lists_give_the_official_supports(shared_data: Path) -> None:
    folder = shared_data / "speech_commands_v0.01"
    lists = OfficialLists.read(folder / "testing_list.full.txt", folder / "validation_list.full.txt")
    clips = spoken(sorted(lists.named()), lists)
    supports = Counter((clip.split, clip.label) for clip in clips)
    assert [supports["test", word] for word in DIGITS] == [250, 248, 264, 267, 253, 271, 244, 239, 257, 259]
    assert [supports["validation", word] for word in DIGITS] == [260, 230, 236, 248, 280, 242, 262, 263, 243, 230]
    for dataset in (SpeechCommandsDigits, SpeechCommands30):
        for split in ("test", "validation"):
            assert sum(supports[split, word] for word in dataset.words) == dataset.official[split]
    speakers = {split: {clip.group for clip in clips if clip.split == split} for split in ("test", "validation")}
    assert not speakers["test"] & speakers["validation"]


def test_real_copy_agrees_with_the_complete_lists_and_says_that_it_is_incomplete(shared_data: Path) -> None:
    folder = shared_data / "speech_commands_v0.01"
    full = OfficialLists.read(folder / "testing_list.full.txt", folder / "validation_list.full.txt")
    listing = SpeechCommands30().clips(folder)
    assert listing.clips
    assert all(clip.split == full.split(clip.path) for clip in listing.clips)
    assert not listing.missing
    test = sum(clip.split == "test" for clip in listing.clips)
    assert "incomplete" in listing.notes[0] and f"test {test} of 6835 clips" in listing.notes[0]


def test_official_totals() -> None:
    assert len(THIRTY) == 30 and len(THIRTY_FIVE) == 35
    assert sum(SpeechCommands30.official.values()) == 64_721
    assert sum(SpeechCommands35.official.values()) == 105_829
    assert sum(SpeechCommandsDigits.official.values()) == 23_666


@pytest.mark.parametrize("dataset", [SpeechCommandsDigits(), SpeechCommands30(), SpeechCommands35()])
def test_split_and_speaker_come_from_lists_and_names(tree: Path, dataset: SpeechCommandsDigits) -> None:
    clips = dataset.clips(tree).clips
    assert {clip.label for clip in clips} == set(dataset.labels())
    assert len(clips) == 7 * len(dataset.labels())
    assert all(
        clip.group in SPEECH_COMMANDS_SPEAKERS[clip.split] and clip.path.startswith(f"{clip.label}/") for clip in clips
    )


def test_a_listed_file_that_is_not_there_is_missing_only_where_its_word_counts(tree: Path) -> None:
    (tree / "seven" / "2a_nohash_0.wav").unlink()
    (tree / "bed" / "1a_nohash_0.wav").unlink()
    assert SpeechCommandsDigits().clips(tree).missing == ("seven/2a_nohash_0.wav",)
    assert SpeechCommands35().clips(tree).missing == ("bed/1a_nohash_0.wav", "seven/2a_nohash_0.wav")
    assert SpeechCommands12().clips(tree).missing == ("bed/1a_nohash_0.wav", "seven/2a_nohash_0.wav")
    assert SpeechCommands35(classes=("bed", "one")).clips(tree).missing == ("bed/1a_nohash_0.wav",)
    assert SpeechCommands12(classes=("yes", "_unknown_")).clips(tree).missing == SpeechCommands12().clips(tree).missing
    assert not SpeechCommands12(classes=("yes", "no")).clips(tree).missing


def test_complete_copy_has_no_note(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "train 40 of 18620 clips" in SpeechCommandsDigits().clips(tree).notes[0]
    monkeypatch.setattr(SpeechCommandsDigits, "official", {"train": 40, "validation": 10, "test": 20})
    assert SpeechCommandsDigits().clips(tree).notes == ()
    monkeypatch.setattr(SpeechCommandsDigits, "official", {"train": 39, "validation": 10, "test": 20})
    assert "not the official one" in SpeechCommandsDigits().clips(tree).notes[0]


def test_without_a_list_there_is_no_official_split(tree: Path) -> None:
    (tree / "validation_list.txt").unlink()
    with pytest.raises(BenchError, match=r"validation_list\.txt is not there"):
        SpeechCommandsDigits().clips(tree)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    for name in ("testing_list.txt", "validation_list.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(BenchError, match=r"is it speech_commands_v0\.01"):
        SpeechCommandsDigits().clips(tmp_path)


def test_twelve_has_a_tenth_of_silence_and_unknown_in_each_split(tree: Path) -> None:
    clips = SpeechCommands12().clips(tree).clips
    counts = Counter((clip.split, clip.label) for clip in clips)
    for split, commands in (("train", 40), ("validation", 10), ("test", 20)):
        assert sum(counts[split, word] for word in SpeechCommands12.words) == commands
        assert counts[split, SILENCE] == counts[split, UNKNOWN] == commands // 10
    assert SpeechCommands12().labels()[:3] == (SILENCE, UNKNOWN, "yes") and len(SpeechCommands12().labels()) == 12


def test_unknown_words_are_no_commands_and_stay_in_their_split(tree: Path) -> None:
    unknown = [clip for clip in SpeechCommands12().clips(tree).clips if clip.label == UNKNOWN]
    assert all(clip.path.split("/")[0] in set(THIRTY_FIVE) - set(SpeechCommands12.words) for clip in unknown)
    assert all(clip.group in SPEECH_COMMANDS_SPEAKERS[clip.split] for clip in unknown)


def test_silence_cuts_are_a_second_long_distinct_inside_their_file_and_apart_between_splits() -> None:
    lengths = {"_background_noise_/a.wav": 61.29, "_background_noise_/b.wav": 95.18, "_background_noise_/c.wav": 0.5}
    cuts = {
        split: silence(lengths, split, count) for split, count in (("train", 900), ("validation", 90), ("test", 91))
    }
    assert [len(each) for each in cuts.values()] == [900, 90, 91]
    for each in cuts.values():
        assert len({clip.id for clip in each}) == len(each)
        assert {clip.path for clip in each} == {"_background_noise_/a.wav", "_background_noise_/b.wav"}
    for path, seconds in lengths.items():
        spans = [[clip for clip in cuts[split] if clip.path == path] for split in ("train", "validation", "test")]
        for clip in (clip for span in spans for clip in span):
            assert clip.end is not None and clip.end - clip.start == pytest.approx(1) and clip.start >= 0
            assert clip.end <= seconds
        for earlier, later in pairwise(spans):
            if earlier:
                assert max(clip.end or 0 for clip in earlier) <= min(clip.start for clip in later)
    groups = {split: {clip.group for clip in each} for split, each in cuts.items()}
    assert not groups["train"] & groups["test"] and not groups["validation"] & groups["test"]


def test_silence_of_too_little_noise_gives_every_start_once() -> None:
    assert len(silence({"n.wav": 20.0}, "test", 5000)) == 101  # 18 s to 20 s: starts 18.00 to 19.00, every 10 ms
    assert silence({"n.wav": 5.0}, "test", 10) == []


def test_twelve_without_noise_recordings_says_so(tree: Path) -> None:
    for path in (tree / "_background_noise_").glob("*.wav"):
        path.unlink()
    with pytest.raises(BenchError, match="_silence_ is cut from them"):
        SpeechCommands12().clips(tree)

"""The data sets of the reference systems: official layouts, published counts, which clips may stand in which split."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from small_datasets import EMODB_COUNTS, cats_dogs, emodb, esc, philharmonia, speech_commands

from bench.data.preparation import load_split, prepare
from bench.errors import BenchError
from bench.plugins import Clip
from bench.plugins.splits import divided
from bench_plugins.datasets.audio_cats_and_dogs import AudioCatsAndDogs
from bench_plugins.datasets.emodb import EMOTIONS, EmoDB
from bench_plugins.datasets.esc import FIFTY, TEN, Esc10, Esc50
from bench_plugins.datasets.philharmonia import INSTRUMENTS, Philharmonia
from bench_plugins.datasets.speech_commands import SpeechCommands30


def splits(clips: tuple[Clip, ...]) -> Counter[str]:
    return Counter(clip.split for clip in clips)


def groups_in_several_splits(clips: tuple[Clip, ...]) -> set[str]:
    splits_of: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        assert clip.group
        splits_of[clip.group].add(clip.split)
    return {group for group, of_group in splits_of.items() if len(of_group) > 1}


def test_cats_and_dogs(tmp_path: Path) -> None:
    listing = AudioCatsAndDogs().clips(cats_dogs(tmp_path))
    clips = divided(listing)
    assert Counter(clip.label for clip in clips) == {"cat": 164, "dog": 113}
    assert all(abs(splits(clips)[split] - 277 * share) < 2 for split, share in (("train", 0.7), ("test", 0.15)))
    assert listing.notes == () and not groups_in_several_splits(clips)
    (tmp_path / "cats_dogs" / "cat_7.wav").unlink()
    assert AudioCatsAndDogs().clips(tmp_path).notes[0] == "this copy is incomplete: 163 of 164 cats"
    with pytest.raises(BenchError, match="no file like cat_1"):
        AudioCatsAndDogs().clips(tmp_path / "elsewhere")


def test_emotion_at_random_has_the_published_training_files(tmp_path: Path) -> None:
    listing = EmoDB(split="random").clips(emodb(tmp_path))
    assert splits(listing.clips) == {"train": 371, "validation": 77, "test": 87}
    of_label = Counter(clip.label for clip in listing.clips)
    assert of_label == {EMOTIONS[letter]: count for letter, count in EMODB_COUNTS.items()}
    assert listing.clips == EmoDB(split="random").clips(tmp_path).clips
    assert listing.clips != EmoDB(split="random", seed=1).clips(tmp_path).clips
    assert len(groups_in_several_splits(listing.clips)) == 10


def test_emotion_by_speaker(tmp_path: Path) -> None:
    listing = EmoDB().clips(emodb(tmp_path))
    assert not groups_in_several_splits(listing.clips) and listing.notes == ()
    by_split = defaultdict(set)
    for clip in listing.clips:
        by_split[clip.split].add(clip.label)
    assert all(labels == set(EmoDB().labels()) for labels in by_split.values())


def test_an_unknown_emotion_letter_is_a_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    (emodb(tmp_path) / "wav" / "03a01Xa.wav").write_bytes(b"")
    listing = EmoDB().clips(tmp_path)
    assert len(listing.clips) == 535
    assert listing.notes == ("left out for an unknown emotion letter (known: W, L, E, A, F, T, N): 03a01Xa.wav (X)",)


def test_a_copy_of_emotions_that_was_cut_to_one_length_says_so(tmp_path: Path) -> None:
    for path in (emodb(tmp_path) / "wav").iterdir():
        path.write_bytes(b"same")
    (note,) = EmoDB().clips(tmp_path).notes
    assert "one length" in note


def test_instruments_are_split_by_note(tmp_path: Path) -> None:
    clips = divided(Philharmonia().clips(philharmonia(tmp_path)))
    assert splits(clips) == {"train": 196, "validation": 42, "test": 42}
    assert {clip.label for clip in clips} == set(INSTRUMENTS) and not groups_in_several_splits(clips)
    assert Philharmonia().cuts_recordings() and Philharmonia().seconds() == 0.5
    with pytest.raises(BenchError, match="holds no mp3 of banjo"):
        Philharmonia().clips(tmp_path / "elsewhere")


@pytest.mark.parametrize(("dataset", "classes"), [(Esc50, FIFTY), (Esc10, TEN)])
def test_environmental_sounds_have_their_official_folds(
    dataset: type[Esc50 | Esc10], classes: tuple[str, ...], tmp_path: Path
) -> None:
    root = esc(tmp_path)
    assert len(set(classes)) == len(classes) == (50 if dataset is Esc50 else 10)
    for test_fold, validation_fold in ((5, 4), (1, 5), (3, 2)):
        listing = dataset(test_fold=test_fold).clips(root)
        fold_of = {clip.split: Path(clip.path).name[0] for clip in listing.clips if clip.split != "train"}
        assert fold_of == {"test": str(test_fold), "validation": str(validation_fold)}
        assert splits(listing.clips) == {
            split: len(classes) * 8 * n for split, n in (("train", 3), *((s, 1) for s in fold_of))
        }
        assert listing.notes == () and not groups_in_several_splits(listing.clips)
        assert all(clip.fold == Path(clip.path).name[0] for clip in listing.clips)


def test_environmental_sounds_without_their_table_or_with_another(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        Esc50().clips(tmp_path)
    (esc(tmp_path) / "meta" / "esc50.csv").write_text("filename,fold\na.wav,1\n")
    with pytest.raises(BenchError, match="no column 'category'"):
        Esc50().clips(tmp_path)


@pytest.mark.parametrize("fold", ["", "0", "6", "1.0", "fold1"])
def test_environmental_sounds_in_a_fold_that_there_is_not(tmp_path: Path, fold: str) -> None:
    """They would be trained on, and with `1.0` for `1` nothing would be left to test."""
    table = esc(tmp_path) / "meta" / "esc50.csv"
    header, first, *others = table.read_text().splitlines()
    name, _, *cells = first.split(",")
    table.write_text("\n".join([header, *others, ",".join([name, fold, *cells])]))
    with pytest.raises(BenchError, match=rf"esc50\.csv: '{name}' is in fold '{fold}', of 1, 2, 3, 4, 5: is it the off"):
        Esc50().clips(tmp_path)


def test_a_table_of_environmental_sounds_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    os.mkfifo(tmp_path / "meta" / "esc50.csv")
    end = threading.Timer(5, lambda: os.close(os.open(tmp_path / "meta" / "esc50.csv", os.O_WRONLY | os.O_NONBLOCK)))
    end.start()  # whoever waits for the FIFO is let go, and reads an empty table
    started = time.monotonic()
    with pytest.raises(BenchError, match="cannot be read"):
        Esc50().clips(tmp_path)
    end.cancel()
    assert time.monotonic() - started < 4


def test_thirty_words_at_random(tmp_path: Path) -> None:
    root = speech_commands(tmp_path)
    official, drawn = SpeechCommands30().clips(root), SpeechCommands30(split="random").clips(root)
    assert {clip.id for clip in official.clips} == {clip.id for clip in drawn.clips}
    shares = splits(drawn.clips)
    assert (shares["train"], shares["validation"], shares["test"]) == (
        120,
        45,
        45,
    )  # of the seven clips of a word four, and three in turn
    assert not groups_in_several_splits(official.clips) and groups_in_several_splits(drawn.clips)
    assert "split=official" in drawn.notes[-1]
    assert drawn.notes[0] == "this copy of speech_commands_v0.01 is not the official one: 210 of 64,721 clips"


def test_files_of_one_recording_stay_together_in_cats_and_dogs(shared_data: Path, tmp_path: Path) -> None:
    data = prepare(AudioCatsAndDogs(), data_dir=shared_data, cache_dir=tmp_path, sample_rates=[8000])
    splits_of: dict[str, set[str]] = defaultdict(set)
    group_of: dict[str, str] = {}
    for split in data.splits:
        clips = load_split(data, split, sample_rate=8000)
        for id, group in zip(clips.ids, clips.groups, strict=True):
            splits_of[group].add(split)
            group_of[Path(id).name] = group
    assert all(len(of_group) == 1 for of_group in splits_of.values())
    assert group_of["cat_5.wav"] == group_of["cat_6.wav"]  # they share six seconds
    assert group_of["dog_barking_14.wav"] == group_of["dog_barking_15.wav"]
    assert len(splits_of) == 221

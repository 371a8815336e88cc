"""Preparing a data set: what is decoded, reused, reported, and refused."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from made_audio import cats_and_dogs, prepared, tone, write

from bench.data.audio_file import decode
from bench.data.folders import building
from bench.data.preparation import load_noise, load_split
from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.locks import lock
from bench.plugins import Clip, Dataset, Listing, Split
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return cats_and_dogs(tmp_path / "own")


def dataset(root: Path, **options: object) -> Folder:
    return Folder(path=str(root), **options)  # type: ignore[arg-type]


def note_with(notes: tuple[str, ...], words: str) -> str:
    """The one note with these words."""
    (note,) = [note for note in notes if words in note]
    return note


def test_samples_are_those_of_the_files(root: Path, tmp_path: Path) -> None:
    data = prepared(dataset(root), tmp_path, 8000, 16000)
    assert data.seconds == 0.5 and data.labels == ("cat", "dog")
    assert [sum(data.supports[split]) for split in ("train", "validation", "test")] == [28, 6, 6]
    for split in ("train", "validation", "test"):
        for rate in (8000, 16000):
            clips = load_split(data, split, sample_rate=rate)  # type: ignore[arg-type]
            assert clips.samples.shape == (data.clips(split), rate // 2)  # type: ignore[arg-type]
            for id, target, samples in zip(clips.ids, clips.targets, clips.samples, strict=True):
                assert np.array_equal(samples, decode(root / id).at(rate))
                assert data.labels[target] == id.split("/")[0]


def test_short_clips_are_padded_at_the_end_and_long_ones_cut(root: Path, tmp_path: Path) -> None:
    write(root / "cat" / "long.wav", np.full(6000, 0.5))
    write(root / "cat" / "short.wav", np.full(1000, 0.5))
    data = prepared(dataset(root, clip_seconds=0.6, validation=0.1, test=0.1), tmp_path)
    assert note_with(data.notes, "longer") == "1 clip longer than 0.6 s is cut there"
    samples = {}
    for split in data.splits:
        clips = load_split(data, split, sample_rate=8000)
        samples.update(zip(clips.ids, clips.samples, strict=True))
    assert np.array_equal(samples["cat/long.wav"], np.full(4800, 16384))
    assert np.array_equal(samples["cat/short.wav"], np.r_[np.full(1000, 16384), np.zeros(3800)])


def test_without_a_length_the_longest_clip_counts_up_to_thirty_seconds(tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path / "own" / ("cat", "dog")[number % 2] / f"{number}.wav", tone(number, 31, 800), 800)
    data = prepared(dataset(tmp_path / "own"), tmp_path, 800)
    assert data.seconds == 30.0
    assert "the longest lasts 31 s; --set dataset.clip_seconds=31" in note_with(
        data.notes, "clip length 30 s, the most"
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_one_long_clip_does_not_set_the_length_of_all(root: Path, tmp_path: Path, split: Split) -> None:
    write(root / "cat" / "long.wav", tone(99, 20.0))
    data = prepared(Unmeasured(listed=(*GOOD, *MANY, Clip("cat/long.wav", "cat", split))), tmp_path)
    assert data.seconds == 0.5
    assert load_split(data, split, sample_rate=8000).samples.shape[1] == 4000
    said = " ".join(data.notes)
    if split == "test":
        assert "1 clip of test is longer than 0.5 s, the clip length by train and validation: cut there" in said
    else:
        assert (
            "clip length 0.5 s, which 95% of the clips of train and validation do not exceed: 1 clip of them is" in said
        )
    folder = prepared(dataset(root), tmp_path)
    assert folder.seconds == 0.5 and (
        "longest lasts 20 s" in " ".join(folder.notes) or "of test is longer" in " ".join(folder.notes)
    )
    assert prepared(dataset(root, clip_seconds=20), tmp_path).seconds == 20


def test_clips_up_to_twice_as_long_as_others_are_whole(root: Path, tmp_path: Path) -> None:
    write(root / "cat" / "long.wav", tone(99, 1.0))
    data = prepared(Unmeasured(listed=(*GOOD, *MANY, Clip("cat/long.wav", "cat", "train"))), tmp_path)
    assert data.seconds == 1.0 and data.notes == ()


def test_a_file_that_is_left_out_does_not_set_the_length_of_all(root: Path, tmp_path: Path) -> None:
    path = write(root / "cat" / "broken.flac", tone(99, 60.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 10])
    data = prepared(dataset(root), tmp_path)
    assert data.seconds == 0.5 and "cat/broken.flac" in note_with(data.notes, "unusable and left out")
    assert not any("clip length" in note for note in data.notes)


def swap(first: Path, second: Path) -> None:
    """Gives two paths each other's file, or folder."""
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


@pytest.mark.parametrize("names", [("cat/s0_0.wav", "dog/s1_1.wav"), ("cat", "dog")])
def test_files_that_change_places_with_size_and_date_are_decoded_again(
    root: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    for number in range(20):  # two classes of the same names
        (root / "dog" / f"s{(2 * number + 1) % 5}_{2 * number + 1}.wav").rename(root / "dog" / f"{number}.wav")
        (root / "cat" / f"s{2 * number % 5}_{2 * number}.wav").rename(root / "cat" / f"{number}.wav")
    for path in root.rglob("*.wav"):
        os.utime(path, (1, 1))
    names = tuple(name.replace("s0_0", "0").replace("s1_1", "0") for name in names)  # type: ignore[assignment]
    before = prepared(dataset(root), tmp_path)
    swap(root / names[0], root / names[1])
    after = prepared(dataset(root), tmp_path)
    assert after.revision != before.revision
    assert [folder.name for folder in (tmp_path / "cache").iterdir()] == [after.caches[8000].name]
    check_samples(after, root)
    swap(root / names[0], root / names[1])
    assert prepared(dataset(root), tmp_path).revision == before.revision


def test_a_file_that_is_copied_over_with_its_date_is_decoded_again(root: Path, tmp_path: Path) -> None:
    before = prepared(dataset(root), tmp_path)
    fresh = write(tmp_path / "fresh.wav", tone(999))
    status = (root / "cat" / "s0_0.wav").stat()
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    shutil.copy2(fresh, root / "cat" / "s0_0.wav")
    after = prepared(dataset(root), tmp_path)
    assert after.revision != before.revision
    check_samples(after, root)


def test_the_sound_has_the_last_word_where_no_stamp_tells(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.data.dataset_files._stamp", lambda root, path: (1, 1, 1, 1))
    before = prepared(dataset(root), tmp_path)
    assert prepared(dataset(root), tmp_path) == before
    for number in range(40):
        write(root / ("cat", "dog")[number % 2] / f"s{number % 5}_{number}.wav", tone(100 + number))
    after = prepared(dataset(root), tmp_path)
    assert after.caches == before.caches and after.revision != before.revision
    assert note_with(after.notes, "decoded again").startswith("files have changed under unchanged dates")
    check_samples(after, root)


def check_samples(data: PreparedData, root: Path) -> None:
    """Every clip in the cache is its file's sound."""
    for split in data.splits:
        clips = load_split(data, split, sample_rate=8000)
        for id, samples in zip(clips.ids, clips.samples, strict=True):
            assert np.array_equal(samples, decode(root / id).at(8000)), id


def test_a_second_start_decodes_nothing(root: Path, tmp_path: Path) -> None:
    first = prepared(dataset(root), tmp_path)
    folder = first.caches[8000]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    steps: list[str] = []
    again = prepared(dataset(root), tmp_path, progress=lambda what, done, total: steps.append(what))
    assert again == first and "decoding" not in steps
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_progress_ends_with_all_clips(root: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    prepared(dataset(root), tmp_path, progress=lambda *step: steps.append(step))
    assert ("decoding", 40, 40) in steps and steps[-1][0] == "looking for copies"
    assert steps[-1][1] == steps[-1][2]


def test_revision_is_the_content_not_its_date_place_or_rate(root: Path, tmp_path: Path) -> None:
    first = prepared(dataset(root), tmp_path)
    moved = shutil.copytree(root, tmp_path / "moved")
    for path in moved.rglob("*.wav"):
        os.utime(path, (1, 1))
    second = prepared(dataset(moved), tmp_path, 11025)
    assert second.revision == first.revision and len(first.revision) == 16
    write(moved / "cat" / "s0_0.wav", tone(999))
    assert prepared(dataset(moved), tmp_path).revision != first.revision


def test_a_changed_file_makes_a_new_cache(root: Path, tmp_path: Path) -> None:
    first = prepared(dataset(root), tmp_path)
    write(root / "cat" / "s0_0.wav", tone(999))
    second = prepared(dataset(root), tmp_path)
    assert second.caches != first.caches and second.revision != first.revision


def test_a_change_under_an_old_date_between_two_rates_rebuilds_both(root: Path, tmp_path: Path) -> None:
    path = root / "cat" / "s0_0.wav"
    date = path.stat().st_mtime_ns
    first = prepared(dataset(root), tmp_path, 8000)
    write(path, tone(999))
    os.utime(path, ns=(date, date))
    second = prepared(dataset(root), tmp_path, 8000, 16000)
    assert second.revision != first.revision
    assert prepared(dataset(root), tmp_path, 8000).revision == second.revision


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "train.npy").read_bytes())
    content[-1000] ^= 1
    (folder / "train.npy").write_bytes(content)


def cut_short(folder: Path) -> None:
    (folder / "test.json").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "validation.npy").unlink()


def scribble(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


@pytest.mark.parametrize(
    "damage, words",
    [
        (flip_a_byte, "train.npy has a wrong checksum"),
        (cut_short, "test.json has 0 bytes"),
        (remove, "validation.npy is missing"),
        (scribble, "manifest.json cannot be read"),
    ],
)
def test_a_corrupt_cache_is_said_and_made_again(
    root: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    first = prepared(dataset(root), tmp_path)
    before = {path.name: path.read_bytes() for path in first.caches[8000].iterdir()}
    damage(first.caches[8000])
    second = prepared(dataset(root), tmp_path)
    assert words in note_with(second.notes, "was damaged")
    assert {path.name: path.read_bytes() for path in second.caches[8000].iterdir()} == before
    assert prepared(dataset(root), tmp_path).notes == first.notes


def test_a_search_works_with_no_test_file(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for split, clips in (("train", 14), ("validation", 3), ("test", 3)):
        cats_and_dogs(root / split, clips)
    data = prepared(dataset(root), tmp_path)
    for file in ("test.npy", "test.json"):
        (data.caches[8000] / file).unlink()
    search = data.without_test()
    assert len(load_split(search, "train", sample_rate=8000).ids) == 28
    assert len(load_split(search, "validation", sample_rate=8000).ids) == 6
    with pytest.raises(BenchError, match="test split is out of reach"):
        load_split(search, "test", sample_rate=8000)
    with pytest.raises(BenchError, match="gone or damaged"):
        load_split(data, "test", sample_rate=8000)


def test_a_cache_that_is_gone(root: Path, tmp_path: Path) -> None:
    data = prepared(dataset(root), tmp_path)
    shutil.rmtree(data.caches[8000])
    with pytest.raises(BenchError, match="run the command again"):
        load_split(data, "train", sample_rate=8000)
    with pytest.raises(BenchError, match="run the command again"):
        load_noise(data, sample_rate=8000)
    with pytest.raises(BenchError, match="not decoded at 44100 Hz"):
        load_split(data, "train", sample_rate=44100)


def test_writing_into_loaded_samples_leaves_the_cache_alone(root: Path, tmp_path: Path) -> None:
    data = prepared(dataset(root), tmp_path)
    load_split(data, "train", sample_rate=8000).samples[:] = 0
    assert load_split(data, "train", sample_rate=8000).samples.any()


def test_two_builds_at_once_are_harmless(root: Path, tmp_path: Path) -> None:
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(prepared(dataset(root), tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and results[0] == results[1] == results[2]
    assert len(list((tmp_path / "cache").glob("*/"))) == 1


def test_a_killed_build_is_removed_by_the_next_and_one_that_is_at_work_stays(tmp_path: Path) -> None:
    killed, working, fresh = (tmp_path / f".building-{name}" for name in ("killed", "working", "fresh"))
    for leftover in (killed, working, fresh):
        (leftover / "x").mkdir(parents=True)
    for leftover in (killed, working):
        os.utime(leftover, (time.time() - 120,) * 2)
    with lock(working), building(tmp_path / "new") as folder:
        folder.mkdir()
    assert not killed.exists() and working.exists() and fresh.exists() and (tmp_path / "new").is_dir()


def test_a_build_that_takes_long_is_left_to_its_process(tmp_path: Path) -> None:
    with building(tmp_path / "slow") as slow:
        slow.mkdir()
        os.utime(slow.parent, (1, 1))
        with building(tmp_path / "new") as folder:
            folder.mkdir()
        assert slow.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"slow", "new"}


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), building(tmp_path / "new") as folder:
        folder.mkdir()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_unusable_clips_are_listed_and_skipped(root: Path, tmp_path: Path) -> None:
    (root / "cat" / "empty.wav").touch()
    (root / "dog" / "text.wav").write_text("no audio, but long enough for a header")
    data = prepared(dataset(root), tmp_path, max_unusable=0.1)
    note = note_with(data.notes, "unusable and left out")
    assert note.startswith("2 clips are unusable and left out: cat/empty.wav (empty: 0 bytes), dog/text.wav (")
    listed = Path(note.split("(all: ")[1].rstrip(")")).read_text().splitlines()
    assert [line.split(" (")[0] for line in listed] == ["cat/empty.wav", "dog/text.wav"]
    assert sum(data.clips(split) for split in data.splits) == 40
    assert prepared(dataset(root), tmp_path, max_unusable=0.1).notes == data.notes


def test_too_many_unusable_clips(root: Path, tmp_path: Path) -> None:
    for number in range(3):
        (root / "cat" / f"empty{number}.wav").touch()
    with pytest.raises(
        BenchError, match=r"3 of 43 clips \(7.0%, at most 5.0% may be\).*cat/empty0.wav \(empty"
    ) as error:
        prepared(dataset(root), tmp_path)
    assert "\n" not in str(error.value)


def test_silent_and_very_short_clips_are_kept_and_said(root: Path, tmp_path: Path) -> None:
    write(root / "cat" / "silent.wav", np.zeros(4000))
    write(root / "dog" / "click.wav", np.full(20, 0.5))
    data = prepared(dataset(root), tmp_path)
    assert "cat/silent.wav (silent), dog/click.wav (very short)" in note_with(
        data.notes, "2 clips are silent or very short"
    )
    assert sum(data.clips(split) for split in data.splits) == 42


def test_files_that_a_list_names_and_that_are_missing(root: Path, tmp_path: Path) -> None:
    rows = [f"{path.relative_to(tmp_path).as_posix()},{path.parent.name}" for path in sorted(root.rglob("*.wav"))]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows, "own/cat/gone.wav,cat"]))
    data = prepared(CsvFile(file=str(tmp_path / "list.csv")), tmp_path)
    assert "own/cat/gone.wav" in note_with(data.notes, "1 clip is missing and left out")
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows, *(f"own/cat/{n}.wav,cat" for n in range(9))]))
    with pytest.raises(BenchError, match="9 of 49 clips"):
        prepared(CsvFile(file=str(tmp_path / "list.csv")), tmp_path)


class Listed(Dataset):
    """Clips as the test says."""

    name: ClassVar[str] = "listed"
    folder: ClassVar[str] = "own"
    noise_folder: ClassVar[str | None] = "_noise_"
    listed: tuple[Clip, ...]

    def labels(self) -> tuple[str, ...]:
        return ("cat", "dog")

    def clips(self, root: Path) -> Listing:
        return Listing(self.listed)

    def root(self, data_dir: Path) -> Path:
        return data_dir.parent / "own"


class Unmeasured(Listed):
    """Clips that set their own length."""

    name: ClassVar[str] = "unmeasured"

    def seconds(self) -> None:
        return None


def some(label: str, split: str, *numbers: int, **options: object) -> list[Clip]:
    return [Clip(f"{label}/s{p % 5}_{p}.wav", label, split, **options) for p in numbers]  # type: ignore[arg-type]


GOOD = [
    *some("cat", "train", 0, 2, 4),
    *some("dog", "train", 1, 3),
    *some("cat", "validation", 6),
    *some("dog", "validation", 7),
]
MANY = [*some("cat", "train", *range(8, 40, 2)), *some("dog", "train", *range(9, 40, 2))]


@pytest.mark.parametrize(
    "clips, words",
    [
        ([clip for clip in GOOD if clip.label == "cat"], "class dog has no training clip"),
        (
            [*some("cat", "train", 0, 2), *some("cat", "validation", 4), *some("dog", "train", 1)],
            "class dog has a single clip",
        ),
        ([clip for clip in GOOD if clip.split == "train"], "no validation clips"),
        ([*GOOD, Clip("cat/s3_8.wav", "dgo", "train")], "unknown label 'dgo': did you mean dog"),
    ],
)
def test_classes_that_cannot_be_learnt(root: Path, tmp_path: Path, clips: list[Clip], words: str) -> None:
    with pytest.raises(BenchError, match=words):
        prepared(Listed(listed=tuple(clips)), tmp_path)


def test_a_class_whose_only_training_clip_is_unusable(root: Path, tmp_path: Path) -> None:
    (root / "dog" / "s1_1.wav").write_bytes(b"")
    clips = [
        *some("cat", "train", 0, 2),
        *some("dog", "train", 1),
        *some("cat", "validation", 4),
        *some("dog", "validation", 3, 5),
    ]
    with pytest.raises(BenchError, match="class dog has no training clip"):
        prepared(Listed(listed=tuple(clips)), tmp_path, max_unusable=0.5)


def test_groups_in_two_splits_and_equal_recordings_are_said(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "cat" / "s0_0.wav", root / "cat" / "copy.wav")
    clips = [
        *some("cat", "train", 0, 2, group="anna"),
        *some("dog", "train", 1, 3, group="bert"),
        *some("cat", "validation", 4, group="anna"),
        Clip("cat/copy.wav", "cat", "test", group="carl"),
        Clip("dog/s0_5.wav", "dog", "test"),
    ]
    data = prepared(Listed(listed=tuple(clips)), tmp_path)
    assert note_with(data.notes, "same recording") == (
        "1 clip of test has the same recording as clips of train: cat/copy.wav = cat/s0_0.wav (same samples)"
    )
    assert note_with(data.notes, "group has").startswith("1 group has clips in train and validation")
    assert "anna" in note_with(data.notes, "group has")
    assert data.grouped == {"train": True, "validation": True, "test": False}
    assert not data.known_groups and data.group_noun == "groups"
    tested = prepared(Listed(listed=(*clips[:-1], Clip("dog/s0_5.wav", "dog", "test", group="anna"))), tmp_path)
    assert tested.known_groups


def test_one_sound_under_two_labels_is_refused_whatever_the_format(root: Path, tmp_path: Path) -> None:
    write(root / "dog" / "again.flac", soundfile.read(root / "cat" / "s0_0.wav")[0])
    with pytest.raises(
        BenchError, match=r"cat/s0_0.wav \(cat\) and dog/again.flac \(dog\) hold the same sound under two labels: "
    ):
        prepared(dataset(root), tmp_path)


def test_what_is_said_of_copies_is_the_same_from_the_cache(root: Path, tmp_path: Path) -> None:
    write(root / "cat" / "louder.wav", np.clip(1.5 * soundfile.read(root / "cat" / "s0_0.wav")[0], -1, 1))
    data = prepared(Listed(listed=(*GOOD, Clip("cat/louder.wav", "cat", "test"))), tmp_path)
    assert note_with(data.notes, "same recording").endswith("cat/louder.wav = cat/s0_0.wav (same recording)")
    assert prepared(Listed(listed=(*GOOD, Clip("cat/louder.wav", "cat", "test"))), tmp_path).notes == data.notes


def test_silent_files_contradict_nobody(root: Path, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        write(root / label / "silent.wav", np.zeros(4000))
    notes = prepared(dataset(root), tmp_path).notes
    assert any("2 clips are silent or very short, and kept" in note for note in notes)
    assert not any("same recording" in note for note in notes)


@pytest.mark.parametrize("split, label", [("test", "cat"), ("train", "dog")])
def test_a_clip_that_is_listed_twice_is_refused(root: Path, tmp_path: Path, split: Split, label: str) -> None:
    with pytest.raises(BenchError, match=r"cat/s0_0.wav is listed 2 times: a clip has one label and one split"):
        prepared(Listed(listed=(*GOOD, Clip("cat/s0_0.wav", label, split))), tmp_path)


def test_a_hum_that_goes_on_under_another_label_is_no_contradiction(root: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    period = 0.1 * random.standard_normal(4000)
    hum = np.tile(period, 4) + 0.01 * random.standard_normal(16000)
    write(root / "hum.wav", hum)
    calm, loud = (Clip("hum.wav", label, "train", start=at, end=at + 1) for label, at in (("cat", 0.0), ("dog", 1.0)))
    assert prepared(Listed(listed=(*GOOD, calm, loud)), tmp_path).notes == ()
    write(root / "again.wav", hum[8000:])
    with pytest.raises(BenchError, match=r"again.wav \(dog\) and hum.wav#0-1 \(cat\) hold the same sound"):
        prepared(Listed(listed=(*GOOD, calm, Clip("again.wav", "dog", "train"))), tmp_path)


def test_silence_that_should_be_is_no_finding_and_no_leak(root: Path, tmp_path: Path) -> None:
    write(root / "hush.wav", np.zeros(16000))
    silences = [
        Clip("hush.wav", "cat", split, start=0.0, end=1.0, silent=True)  # type: ignore[arg-type]
        for split in ("train", "test")
    ]
    data = prepared(Listed(listed=(*GOOD, *silences)), tmp_path)
    assert data.notes == ()
    assert load_split(data, "test", sample_rate=8000).ids == ("hush.wav#0-1",)


def test_stretches_of_one_file(root: Path, tmp_path: Path) -> None:
    path = write(root / "long.wav", tone(5, 3.0))
    stretches = tuple(Clip("long.wav", "dog", "train", start=s, end=s + 1) for s in (0.0, 0.5, 2.0))
    data = prepared(Listed(listed=(*GOOD, *stretches)), tmp_path)
    train = load_split(data, "train", sample_rate=8000)
    index = train.ids.index("long.wav#0.5-1.5")
    assert np.array_equal(train.samples[index], decode(path).stretch(0.5, 1.5).at(8000))


def test_background_noise_is_all_recordings_in_a_row(root: Path, tmp_path: Path) -> None:
    first = write(root / "_noise_" / "a.wav", tone(1))
    second = write(root / "_noise_" / "b.wav", tone(2, 0.25))
    data = prepared(Listed(listed=tuple(GOOD)), tmp_path)
    noise = load_noise(data, sample_rate=8000)
    assert noise is not None
    assert np.array_equal(noise, np.r_[decode(first).at(8000), decode(second).at(8000)])
    shutil.rmtree(root / "_noise_")
    assert load_noise(prepared(Listed(listed=tuple(GOOD)), tmp_path), sample_rate=8000) is None


def test_a_read_only_cache_folder(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    if os.geteuid() == 0:
        (tmp_path / "cache").write_text("a file stands where the folder should be")
    else:
        (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(BenchError, match="cannot be written"):
        prepared(dataset(root), tmp_path)


def test_a_data_set_that_is_not_there(tmp_path: Path) -> None:
    from bench_plugins.datasets.fsdd import FSDD

    with pytest.raises(
        BenchError, match=r"run `bench fetch fsdd`, or name the folder that holds free-spoken-digit-dataset"
    ):
        prepared(FSDD(), tmp_path)
    with pytest.raises(BenchError, match="there is no folder"):
        prepared(dataset(tmp_path / "nowhere"), tmp_path)


class Made(Listed):
    """A data set that makes its own files."""

    name: ClassVar[str] = "made"

    def prepare(self, root: Path, progress: Callable[[int, int], None]) -> None:
        assert not root.exists()
        cats_and_dogs(root)
        progress(40, 40)


def test_a_synthesised_data_set_is_made_once(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    prepared(Made(listed=tuple(GOOD)), tmp_path, progress=lambda *step: steps.append(step))
    assert steps[0] == ("making made", 40, 40)
    steps.clear()
    prepared(Made(listed=tuple(GOOD)), tmp_path, progress=lambda *step: steps.append(step))
    assert "making made" not in [step[0] for step in steps]


def test_prepared_data_travels_as_json(root: Path, tmp_path: Path) -> None:
    data = prepared(dataset(root), tmp_path)
    assert type(data).model_validate(json.loads(data.model_dump_json())) == data


def test_fsdd_official_takes(shared_data: Path, tmp_path: Path) -> None:
    from bench.data.preparation import prepare
    from bench_plugins.datasets.fsdd import FSDD

    data = prepare(FSDD(), data_dir=shared_data, cache_dir=tmp_path / "cache", sample_rates=(8000,))
    assert data.supports["test"] == (30,) * 10 and sum(map(data.clips, data.splits)) == 3000
    assert "6 groups have clips in train and validation and test" in " ".join(data.notes)
    assert data.known_groups and data.group_noun == "speakers"
    first = load_split(data, "test", sample_rate=8000)
    path = shared_data / "free-spoken-digit-dataset" / first.ids[0]
    expected = decode(path).at(8000)[:8000]
    assert np.array_equal(first.samples[0][: len(expected)], expected) and not first.samples[0][len(expected) :].any()

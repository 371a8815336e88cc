"""Outer folds: what must hold for any clips, and what a protocol refuses."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_audio import cats_and_dogs, prepared, tone, write

from bench.data.dataset_check import check_dataset_audio
from bench.data.outer_folds import DividedClips, OuterFold, divide, whole_units
from bench.data.preparation import load_split
from bench.data.prepared import Division
from bench.errors import BenchError
from bench.options import checked_options
from bench.plugins import Cut
from bench.plugins.contracts import SPLITS
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder

CLASSES = "abc"


def clips_by(groups: int, takes: int, *, copies: int = 0) -> DividedClips:
    """Every group says every class `takes` times; the first `copies` clips of the first two groups are the same sounds."""
    rows = [(f"g{group}", label, take) for group in range(groups) for label in CLASSES for take in range(takes)]
    family = [f"{label}{take}" if group in ("g0", "g1") and take < copies else "" for group, label, take in rows]
    return DividedClips(
        dataset="made",
        ids=[f"{group}/{label}{take}.wav" for group, label, take in rows],
        labels=[label for _, label, _ in rows],
        groups=[group for group, _, _ in rows],
        families=family,
        folds=[str(1 + position % 5) for position in range(len(rows))],
    )


def folds_of(clips: DividedClips, protocol: str, seed: int = 0) -> tuple[OuterFold, ...]:
    return divide(clips, Division(protocol=protocol, cut=Cut(seed=seed)))


def splits_of(names: list[str], fold: OuterFold) -> dict[str, set[str]]:
    """The splits that the clips of each name stand in."""
    splits = defaultdict(set)
    for name, code in zip(names, fold.codes, strict=True):
        splits[name].add(SPLITS[code])
    return splits


@given(
    groups=st.integers(4, 9),
    takes=st.integers(1, 4),
    protocol=st.sampled_from(["leave-one-group-out", "k-fold:3", "repeated:3", "official"]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_no_group_stands_in_two_splits_and_every_class_in_all(
    groups: int, takes: int, protocol: str, seed: int
) -> None:
    clips = clips_by(groups, takes)
    for fold in folds_of(clips, protocol, seed):
        assert all(len(splits) == 1 for splits in splits_of(list(clips.groups), fold).values())
        assert all(splits == set(SPLITS) for splits in splits_of(list(clips.labels), fold).values())


@given(groups=st.integers(4, 9), folds=st.integers(2, 4), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_every_clip_is_tested_once(groups: int, folds: int, seed: int) -> None:
    clips = clips_by(groups, 3)
    for protocol in ("folds", "leave-one-group-out", f"k-fold:{folds}"):
        tested = np.concatenate([fold.rows("test") for fold in folds_of(clips, protocol, seed)])
        assert sorted(tested.tolist()) == list(range(len(clips.ids)))


def test_folds_are_named_and_in_their_order() -> None:
    clips = clips_by(12, 3)
    assert [fold.name for fold in folds_of(clips, "folds")] == ["1", "2", "3", "4", "5"]
    assert [fold.name for fold in folds_of(clips, "leave-one-group-out")][:3] == ["g0", "g1", "g10"]
    assert [fold.name for fold in folds_of(clips, "k-fold:3")] == ["1", "2", "3"]
    assert [fold.name for fold in folds_of(clips, "official")] == [""]


def test_repeats_are_cuts_with_other_seeds() -> None:
    clips = clips_by(9, 2)
    first, second = folds_of(clips, "repeated:2", seed=4)
    assert np.array_equal(second.codes, folds_of(clips, "official", seed=5)[0].codes)
    assert not np.array_equal(first.codes, second.codes)


def test_copies_of_one_sound_stay_in_one_split() -> None:
    clips = clips_by(8, 4, copies=2)
    assert set(whole_units(clips.groups, clips.families)) == {"g0", *(f"g{group}" for group in range(2, 8))}
    for protocol in ("official", "k-fold:4", "repeated:5"):
        for fold in folds_of(clips, protocol):
            together = splits_of(["g0" if group == "g1" else group for group in clips.groups], fold)
            assert all(len(splits) == 1 for splits in together.values())


def test_copies_without_groups_are_a_unit_and_single_clips_are_none() -> None:
    assert whole_units(["", "", "", "b"], ["twin", "twin", "", ""]) == ["twin", "twin", None, "b"]


def test_k_fold_is_by_class_without_groups() -> None:
    labels = ["cat"] * 10 + ["dog"] * 20
    none = [""] * 30
    clips = DividedClips("made", [str(number) for number in range(30)], labels, none, none, none)
    for fold in folds_of(clips, "k-fold:5"):
        assert Counter(labels[row] for row in fold.rows("test")) == {"cat": 2, "dog": 4}


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("folds", "needs a fold for every clip of made, and 12 have none (g0/a0.wav"),
        ("leave-one-group-out", "makes 1 outer folds, of 2 to 50"),
        ("k-fold:5", "has too few clips or groups for k-fold:5"),
    ],
)
def test_what_a_protocol_needs_is_said(protocol: str, words: str) -> None:
    clips = clips_by(1, 4)
    clips = DividedClips(clips.dataset, clips.ids, clips.labels, clips.groups, clips.families, [""] * 12)
    with pytest.raises(BenchError) as refused:
        folds_of(clips, protocol)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("k-folds:5", "did you mean k-fold"),
        ("k-fold", "give its number of outer folds, 2 to 50, as in k-fold:5"),
        ("k-fold:1", "give its number of outer folds"),
        ("repeated:many", "give its number of outer folds"),
        ("folds:5", "folds takes no number"),
    ],
)
def test_a_protocol_that_is_none_is_one_line(protocol: str, words: str) -> None:
    with pytest.raises(BenchError) as refused:
        checked_options({"protocol": protocol})
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_all_folds_read_one_cache(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    dataset = Folder(path=str(root), group=r"^(\w+)_")
    data = prepared(dataset, tmp_path, protocol="leave-one-group-out")
    assert [fold.name for fold in data.folds] == ["s0", "s1", "s2", "s3", "s4"]
    tested = set()
    for name in ("s0", "s3"):
        fold = data.of_fold(name)
        clips = load_split(fold, "test", sample_rate=8000)
        assert set(clips.groups) == {name} and len(clips.ids) == fold.clips("test") == 8
        for number, id in enumerate(clips.ids):
            assert np.array_equal(clips.waveform(number), clips.samples[number])
            assert id.split("/")[1].startswith(name)
        tested |= set(clips.ids)
        others = {id for split in ("train", "validation") for id in load_split(fold, split, sample_rate=8000).ids}  # type: ignore[arg-type]
        assert len(others) == 32 and not others & set(clips.ids)
    assert len(tested) == 16
    assert prepared(dataset, tmp_path, protocol="k-fold:4").caches == data.caches
    assert prepared(dataset, tmp_path, protocol="k-fold:4").revision != data.revision
    with pytest.raises(BenchError, match="test split is out of reach"):
        load_split(data.without_test(), "test", sample_rate=8000)


def test_a_csv_file_has_folds(tmp_path: Path) -> None:
    rows = [f"{number}.wav,{'ab'[number % 2]},{1 + number // 8}" for number in range(24)]
    for number in range(24):
        write(tmp_path / f"{number}.wav", tone(number))
    (tmp_path / "list.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    data = prepared(CsvFile(file=str(tmp_path / "list.csv")), tmp_path, protocol="folds")
    assert [(fold.name, sum(fold.supports["test"])) for fold in data.folds] == [("1", 8), ("2", 8), ("3", 8)]


@pytest.mark.parametrize("protocol", ["official", "leave-one-group-out"])
def test_groups_that_no_eye_tells_apart_are_said_once(tmp_path: Path, protocol: str) -> None:
    """One speaker of two spellings is trained and tested on, and no group stands in two splits."""
    rows = []
    for number in range(36):
        write(tmp_path / f"{number}.wav", tone(number))
        group = ("anna", "bert", "Anna ", "bert\u200b", "carl", "d")[number % 6]
        split = "test" if group.startswith("A") else "validation" if group == "bert\u200b" else "train"
        rows.append(f'{number}.wav,{"cat" if number < 18 else "dog"},{split},"{group}"')
    (tmp_path / "list.csv").write_text("\n".join(["path,label,split,group", *rows]), encoding="utf-8")
    listed = CsvFile(file=str(tmp_path / "list.csv"))
    notes = [note for note in prepared(listed, tmp_path, protocol=protocol).notes if "told apart" in note]
    assert notes == [
        "groups whose names can hardly be told apart count as groups of their own: 'Anna' and 'anna', 'bert' and "
        "'bert\\u200b'; spell them alike where they are one"
    ]
    check = check_dataset_audio(listed, data_dir=tmp_path, progress=lambda *step: None)
    assert [note for note in check.leaks() if "told apart" in note] == notes


def test_a_class_that_one_fold_cannot_learn_is_named(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for number in range(24):
        who = "anna" if number % 3 == 2 else "bcde"[number % 4]
        write(root / ("cat", "dog", "owl")[number % 3] / f"{who}_{number}.wav", tone(number))
    with pytest.raises(BenchError, match=r"outer fold anna: class owl has no training clip"):
        prepared(Folder(path=str(root), group=r"^(\w+)_"), tmp_path, protocol="leave-one-group-out")


def test_a_long_test_clip_does_not_set_the_length(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for split, clips in (("train", 8), ("validation", 4), ("test", 4)):
        cats_and_dogs(root / split, clips)
    write(root / "test" / "cat" / "long.wav", tone(99, 3.0))
    data = prepared(Folder(path=str(root)), tmp_path)
    assert data.seconds == 0.5
    assert any("1 clip of test is longer than 0.5 s" in note for note in data.notes)
    clips = load_split(data, "test", sample_rate=8000)
    assert clips.samples.shape == (9, 4000) and clips.lengths.max() == 4000


def grouped(root: Path, *groups: str) -> Folder:
    """Twelve clips of each class, in groups whose names begin with the class's letter, or not."""
    for number in range(24):
        label = ("cat", "dog")[number % 2]
        group = groups[number // 2 % len(groups)].format(label[0])
        write(root / label / f"{group}_{number}.wav", tone(number))
    return Folder(path=str(root), group=r"^(\w+)_")


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (
            ("{}0",),
            r"class cat has 1 \(c0\), class dog has 1 \(d0\), of 3 .*: no clip is left for test and validation; name",
        ),
        (
            ("{}0", "{}1"),
            r"class cat has 2 \(c0, c1\), class dog has 2 \(d0, d1\), of 3 .*: no clip is left for test; name",
        ),
        (("all",), r"there is 1 in all \(all\), of 3 that it takes"),
        (("x", "y"), r"there are 2 in all \(x, y\), of 3 that it takes"),
    ],
)
def test_too_few_groups_are_named(tmp_path: Path, groups: tuple[str, ...], words: str) -> None:
    with pytest.raises(BenchError, match=f"data set folder: groups .* stay in one split, and {words}"):
        prepared(grouped(tmp_path / "own", *groups), tmp_path)


def test_three_groups_a_class_are_enough(tmp_path: Path) -> None:
    data = prepared(grouped(tmp_path / "own", "{}0", "{}1", "{}2"), tmp_path)
    assert [data.clips(split) for split in data.splits] == [8, 8, 8]

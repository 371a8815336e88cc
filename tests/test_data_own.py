"""The data sets of one's own: `folder:PATH` and `csv:FILE`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_audio import cats_and_dogs, prepared, tone, write
from pydantic import ValidationError

from bench.data.chosen_classes import refuse_confusable
from bench.data.dataset_files import refuse_unreadable_names
from bench.errors import BenchError
from bench.plugins import Clip
from bench.plugins.splits import divided
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def listed(root: Path, **options: object) -> dict[str, tuple[str, str]]:
    """Label and split of every path."""
    listing = Folder(path=str(root), **options).clips(root)  # type: ignore[arg-type]
    return {clip.path: (clip.label, clip.split) for clip in divided(listing)}


def numbered(folder: str, count: int = 4) -> list[str]:
    return [f"{folder}/{number}.wav" for number in range(count)]


def test_a_folder_per_class_is_cut_by_class(tmp_path: Path) -> None:
    root = touch(
        tmp_path, *numbered("cat", 20), *numbered("dog", 20), "cat/notes.txt", ".hidden/1.wav", "__MACOSX/cat/1.wav"
    )
    counts = Counter(listed(root).values())
    assert counts == {
        (label, s): n for label in ("cat", "dog") for s, n in (("train", 14), ("validation", 3), ("test", 3))
    }
    assert listed(root) == listed(root) != listed(root, seed=1)


@pytest.mark.parametrize(
    "form", ["{split}/{label}", "{label}/{split}", "corpus/{split}/audio/{label}", "data/{label}/{split}"]
)
def test_official_splits_at_any_depth(tmp_path: Path, form: str) -> None:
    words = {"Train": "train", "dev": "validation", "test": "test"}
    for word in words:
        for label in ("cat", "dog"):
            touch(tmp_path, *numbered(form.format(split=word, label=label), 3))
    labelled = listed(tmp_path)
    assert len(labelled) == 18
    for path, (label, split) in labelled.items():
        assert label in path.split("/") and split == words[next(word for word in words if word in path.split("/"))]
    assert Folder(path=str(tmp_path)).labels() == ("cat", "dog")


def test_a_missing_validation_part_is_cut_off_training(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        touch(tmp_path, *numbered(f"train/{label}", 20), *numbered(f"test/{label}", 5))
    counts = Counter(listed(tmp_path).values())
    assert all(
        counts[label, split] == n
        for label in ("cat", "dog")
        for split, n in (("train", 17), ("validation", 3), ("test", 5))
    )


def test_a_class_named_train_is_a_class(tmp_path: Path) -> None:
    root = touch(tmp_path, *numbered("bus"), *numbered("car"), *numbered("train"))
    assert Folder(path=str(root)).labels() == ("bus", "car", "train")
    assert {split for _, split in listed(root).values()} == {"train", "validation", "test"}


def test_files_outside_classes_and_splits_are_said(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "intro.wav", *numbered("train/cat"), *numbered("val/cat"), *numbered("test/cat"), "extra/cat/9.wav"
    )
    listing = Folder(path=str(root)).clips(root)
    assert listing.notes == (
        "1 audio file outside any folder: left out",
        "1 audio file outside the folders of the splits: left out",
    )
    assert len(listing.clips) == 12


def test_a_group_stays_in_one_split(tmp_path: Path) -> None:
    root = touch(
        tmp_path, *(f"{label}/{who}_{n}.wav" for label in ("cat", "dog") for who in "abcdef" for n in range(5))
    )
    clips = divided(Folder(path=str(root), group=r"^(\w)_").clips(root))
    splits = {group: {clip.split for clip in clips if clip.group == group} for group in "abcdef"}
    assert all(len(of) == 1 for of in splits.values())
    assert {split for of in splits.values() for split in of} == {"train", "validation", "test"}


def test_file_names_without_a_group_are_said(tmp_path: Path) -> None:
    root = touch(tmp_path, *numbered("cat"), "dog/anna_1.wav", "dog/bert_2.wav")
    assert "4 of 6 file names do not match" in Folder(path=str(root), group=r"([a-z]+)_").clips(root).notes[0]


@pytest.mark.parametrize("pattern, words", [("(", "no regular expression"), (r"\w+", "needs a group")])
def test_a_group_that_is_no_pattern(pattern: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Folder(path="x", group=pattern)


def test_folders_without_audio(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no folder"):
        Folder(path=str(tmp_path / "none")).labels()
    with pytest.raises(BenchError, match="holds no audio in folders"):
        Folder(path=str(touch(tmp_path, "cat/1.txt", "2.wav"))).labels()
    with pytest.raises(BenchError, match="class cat has a single clip"):
        listed(touch(tmp_path, "cat/1.wav", "dog/1.wav", "dog/2.wav"))
    with pytest.raises(BenchError, match="none of a class"):
        listed(touch(tmp_path / "flat", "train/1.wav", "train/cat/2.wav", "test/cat/3.wav"))


def test_a_link_to_a_class_is_followed_and_a_circle_is_not(tmp_path: Path) -> None:
    touch(tmp_path, *numbered("elsewhere/cats", 3), *numbered("own/dog", 3))
    (tmp_path / "own" / "cat").symlink_to(tmp_path / "elsewhere" / "cats", target_is_directory=True)
    (tmp_path / "own" / "dog" / "up").symlink_to(tmp_path / "own", target_is_directory=True)
    assert Counter(label for label, _ in listed(tmp_path / "own").values()) == {"cat": 3, "dog": 3}


def csv(tmp_path: Path, *lines: str) -> CsvFile:
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return CsvFile(file=str(tmp_path / "list.csv"))


def test_all_columns(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.wav", "a/2.wav", "3.flac")
    dataset = csv(
        tmp_path,
        "path,label,split,group,start,end,mood",
        "a/1.wav,cat,Train,anna,0,1.5,calm",
        f"{tmp_path}/a/2.wav, dog ,val,,,,wild",
        "3.flac,cat,test,bert,2,,calm",
    )
    listing = dataset.clips(dataset.root(Path()))
    assert listing.clips == (
        Clip("a/1.wav", "cat", "train", "anna", 0.0, 1.5),
        Clip("a/2.wav", "dog", "validation"),
        Clip("3.flac", "cat", "test", "bert", 2.0),
    )
    assert dataset.labels() == ("cat", "dog")
    assert listing.notes == (f"{tmp_path / 'list.csv'}: unused columns: mood",)


@pytest.mark.parametrize(
    "column, kind",
    {
        "speaker": "speakers",
        "Subject": "subjects",
        "PATIENT_ID": "patients",
        "session no": "sessions",
        "recordings": "recordings",
    }.items(),
)
def test_a_column_that_names_groups_is_asked_about(tmp_path: Path, column: str, kind: str) -> None:
    touch(tmp_path, "1.wav", "2.wav", "3.wav")
    rows = ["1.wav,cat,train,anna,x", "2.wav,cat,validation,bert,x", "3.wav,cat,test,anna,x"]
    notes = csv(tmp_path, f"path,label,split,{column},mood", *rows).clips(tmp_path).notes
    file = tmp_path / "list.csv"
    assert notes == (
        f"{file}: unused columns: mood",
        f"{file}: column {column} is not used: rename it `group` to keep {kind} apart",
    )
    notes = csv(tmp_path, f"path,label,split,{column},group", *rows).clips(tmp_path).notes
    assert notes == (f"{file}: unused columns: {column}",)


def test_labels_that_look_like_numbers_or_nothing_stay_as_written(tmp_path: Path) -> None:
    touch(tmp_path, "1.wav")
    dataset = csv(tmp_path, "path,label,split", "1.wav,007,train", "1.wav,NA,train", "1.wav,None,test", "1.wav,1e3,val")
    assert dataset.labels() == ("007", "1e3", "NA", "None")


def test_without_splits_stretches_of_one_file_stay_together(tmp_path: Path) -> None:
    files = [f"{number}.wav" for number in range(12)]
    touch(tmp_path, *files)
    rows = [f"{file},{'cat' if start else 'dog'},{start},{start + 1}" for file in files for start in range(4)]
    clips = divided(csv(tmp_path, "path,label,start,end", *rows).clips(tmp_path))
    for file in files:
        assert len({clip.split for clip in clips if clip.path == file}) == 1
    assert {clip.split for clip in clips} == {"train", "validation", "test"}


@pytest.mark.parametrize(
    "lines, words",
    [
        (["file,label", "1.wav,cat"], "has no column 'path': it has file, label"),
        (["path,class", "1.wav,cat"], "has no column 'label'"),
        (["path,label,split", "1.wav,cat,train", "1.wav,cat,tset"], "line 3: unknown split 'tset': did you mean test"),
        (["path,label", "1.wav,"], "line 2: label is empty"),
        (["path,label,start", "1.wav,cat,soon"], "line 2: start 'soon' is no number of seconds"),
        (["path,label,start,end", "1.wav,cat,2,1"], "line 2: end 1 s is not after start 2 s"),
        (["path,label", "gone.wav,cat"], "not one of its files is there"),
        (["path,label"], "has no rows"),
        (["path,label", "1.wav,cat", "1.wav,cat,x,y"], "cannot be read as CSV"),
        ([""], "cannot be read as CSV"),
        (["path,label,label ", "1.wav,cat,x"], r"has the column 'label' 2 times \(columns 2 and 3\): leave one"),
        (
            ["path,split,label,split", "1.wav,test,cat,x"],
            r"has the column 'split' 2 times \(columns 2 and 4\): leave one",
        ),
        (["path,label", "", "", '1.wav,"cat', 'dog"', "", "1.wav,"], "line 7: label is empty"),
        (["path,label", '1.wav,"cat'], "cannot be read as CSV .unexpected end of data."),
        (["path,label", "1.wav,cat", "1.wav,cat,dog"], "line 3 has 3 cells, and the header 2"),
        (["path,label,start", "1.wav,cat,1e308"], "line 2: start '1e308' is no number of seconds into a recording"),
        (["path,label,start,end", "1.wav,cat,0,1e300"], "line 2: end '1e300' is no number of seconds into a recording"),
        (["path,label", "1.wav\0,cat"], "line 2: path holds a character|cannot be read as CSV"),
    ],
)
def test_rows_that_make_no_sense(tmp_path: Path, lines: list[str], words: str) -> None:
    touch(tmp_path, "1.wav")
    with pytest.raises(BenchError, match=words) as error:
        csv(tmp_path, *lines).clips(tmp_path)
    assert "\n" not in str(error.value)


def test_a_csv_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no file"):
        CsvFile(file=str(tmp_path / "none.csv")).labels()


def test_a_csv_is_prepared_like_any_other(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    write(root / "extra.wav", tone(7, 2.0))
    rows = [f"{path.relative_to(root).as_posix()},{path.parent.name},," for path in sorted(root.glob("*/*.wav"))]
    (root / "list.csv").write_text("\n".join(["path,label,start,end", *rows, "extra.wav,cat,0.5,1.25"]))
    data = prepared(CsvFile(file=str(root / "list.csv")), tmp_path)
    assert data.seconds == 0.75 and sum(map(data.clips, data.splits)) == 41


@pytest.mark.parametrize(
    ("options", "clips"),
    [
        ({}, "2 clips of 40 have .*(cat/s0_30.wav#0-500, cat/s1_16.wav#0-0.56)"),
        ({"cut": True, "clip_seconds": 0.25}, "4 clips of 80 have .*(cat/s0_30.wav#0-0.25, cat/s0_30.wav#0.25-0.5, "),
    ],
)
def test_an_end_far_beyond_that_of_the_file_is_said(tmp_path: Path, options: dict[str, Any], clips: str) -> None:
    """As of ends in milliseconds: each clip would be all of its file, and nobody would know."""
    root = cats_and_dogs(tmp_path / "own")
    paths = [path.relative_to(root).as_posix() for path in sorted(root.glob("*/*.wav"))]
    ends = ["", "0.5", "0.54", "500", "0.56"]  # all files last 0.5 s
    rows = [f"{path},{path[:3]},{ends[min(number, 4)]}" for number, path in enumerate(paths[:5])]
    rows += [f"{path},{path[:3]}," for path in paths[5:]]
    (root / "list.csv").write_text("\n".join(["path,label,end", *rows]))
    listed = CsvFile(file=str(root / "list.csv"), **options)
    note = next(iter(prepared(listed, tmp_path).notes))
    says = "an end that lies beyond that of the file, by over a tenth of the stretch: read to the end of the file;"
    count, names = clips.split(".*")
    assert note.startswith(count + says) and names.strip() in note


def test_real_folders(shared_data: Path, tmp_path: Path) -> None:
    instruments = Folder(path=str(shared_data / "philharmonia"))
    assert len(instruments.labels()) == 14 and "bassoon" in instruments.labels()
    listing = instruments.clips(instruments.root(tmp_path))
    assert {clip.label for clip in divided(listing) if clip.split == "test"} == set(instruments.labels())


def test_recordings_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    root = touch(tmp_path, *numbered("cat"), *numbered("dog"), "cat/phone.m4a", "dog/phone.WMA")
    listing = Folder(path=str(root)).clips(root)
    assert len(listing.clips) == 8
    assert listing.notes[0] == (
        "2 files of kinds that are not read (1 .m4a, 1 .wma): left out; convert recordings among them to wav"
    )
    with pytest.raises(
        BenchError, match=r"no audio in folders, only .* not read \(2 .m4a\): convert recordings to wav"
    ):
        Folder(path=str(touch(tmp_path / "phone", "cat/1.m4a", "dog/1.m4a"))).labels()


def test_a_name_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    (root / "cat").rename(os.fsdecode(os.fsencode(root) + b"/chat\xe9"))
    with pytest.raises(BenchError, match=r"the name of 'chat\\udce9/s0_0.wav' is not in UTF-8: rename it"):
        prepared(Folder(path=str(root)), tmp_path)


def test_cells_beyond_the_header_move_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav")
    rows = [f"{number}.wav,{'cat' if number % 2 else 'dog'}," for number in range(1, 5)]
    listing = csv(tmp_path, "path,label", *rows).clips(tmp_path)
    assert {(clip.path, clip.label) for clip in listing.clips} >= {("1.wav", "cat"), ("2.wav", "dog")}
    assert "more cells than the header" in listing.notes[0]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_cells_that_are_not_separated_by_commas(tmp_path: Path, mark: str, name: str) -> None:
    with pytest.raises(BenchError, match=f"separated by {name}; save it with commas"):
        csv(tmp_path, f"path{mark}label", f"1.wav{mark}cat").labels()


def test_stretches_far_into_a_recording_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "day.flac")
    rows = [f"day.flac,{('cat', 'dog')[n % 2]},{20000 + n / 100},{20001 + n / 100},minute {n}" for n in range(10)]
    listing = csv(tmp_path, "path,label,start,end,group", *rows).clips(tmp_path)
    assert len({clip.id for clip in listing.clips}) == 10
    assert Clip("day.flac", "cat", "train", start=20000.01, end=20001.5).id == "day.flac#20000.01-20001.5"


def test_a_class_spelt_in_two_ways_is_one(tmp_path: Path) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    root = touch(
        tmp_path, *numbered(f"train/{one}"), *numbered(f"test/{two}"), *numbered("train/tea", 4), "test/tea/1.wav"
    )
    assert Folder(path=str(root)).labels() == (one, "tea")
    rows = [f"train/{one}/{n}.wav,{(one, two)[n % 2]}" for n in range(4)] + [f"train/tea/{n}.wav,tea" for n in range(4)]
    assert csv(tmp_path, "path,label", *rows).labels() == (one, "tea")


def test_endings_come_from_the_list_of_the_decoder() -> None:
    import soundfile

    from bench.audio_suffixes import AUDIO_SUFFIXES, FOREIGN_AUDIO_SUFFIXES, SUFFIXES_OF_FORMATS

    known = soundfile.available_formats().keys() - {"RAW", "MAT4", "MAT5"}
    assert known <= SUFFIXES_OF_FORMATS.keys() and ".mp2" in AUDIO_SUFFIXES
    assert not AUDIO_SUFFIXES & FOREIGN_AUDIO_SUFFIXES


def test_whatever_is_not_used_is_counted_by_kind(tmp_path: Path) -> None:
    root = touch(tmp_path, *numbered("cat"), *numbered("dog"), "dog/0.mp2", "cat/a.m4b", "cat/b.weba", "cat/c.WEBA")
    touch(root, "cat/notes", "cat/night/x.mat", "readme.md", "cat/.hidden.m4b", "@eaDir/cat/0.wav")
    os.mkfifo(root / "dog" / "pipe.wav")
    (root / "dog" / "gone.txt").symlink_to(root / "nowhere")
    listing = Folder(path=str(root)).clips(root)
    assert len(listing.clips) == 9 and listing.notes == (
        "7 files of kinds that are not read (1 .m4b, 1 .mat, 2 .weba, 1 FIFO, 1 link to nothing, 1 without an ending): "
        "left out; convert recordings among them to wav",
    )


@pytest.mark.parametrize("layout", ["{}", "{}/night", "corpus/{}", "train/{}", "{}/train"])
@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (lambda folder: folder.mkdir(parents=True), "nothing"),
        (lambda folder: touch(folder, "1.m4b", "2.m4b"), r"only what is not read \(2 .m4b\)"),
        (lambda folder: touch(folder, "notes.txt"), r"only what is not read \(1 .txt\)"),
        (
            lambda folder: (folder.parent.mkdir(parents=True, exist_ok=True), folder.symlink_to("nowhere")),
            r"only what is not read \(1 link to nothing\)|nothing",
        ),
    ],
)
def test_a_class_that_would_be_left_without_clips_is_refused(
    tmp_path: Path, layout: str, fill: Callable[[Path], object], words: str
) -> None:
    for label in ("cat", "dog"):
        touch(tmp_path, *numbered(layout.format(label)))
        if "train" in layout:
            touch(tmp_path, *numbered(layout.replace("train", "test").format(label)))
    fill(tmp_path / layout.format("owl"))
    with pytest.raises(BenchError, match=f"class owl would have no clip: .*({words}): .* --classes cat,dog"):
        Folder(path=str(tmp_path)).labels()
    assert Folder(path=str(tmp_path), classes=("cat", "dog")).labels() == ("cat", "dog")


def test_folders_beside_those_of_classes_are_none(tmp_path: Path) -> None:
    root = touch(tmp_path, *numbered("corpus/cat"), *numbered("corpus/dog"), "meta/list.csv", "corpus/cat/empty/x.txt")
    (root / "lost+found").mkdir()
    assert Folder(path=str(root)).labels() == ("cat", "dog")


@pytest.mark.parametrize("where", ["owl", "owl/night", "."])
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Root reads every folder, so the system's answer is put in its place."""
    root = touch(tmp_path / "own", *numbered("cat"), *numbered("owl"), *numbered("owl/night"))
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == root / where:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    what = str(root) if where == "." else where
    with pytest.raises(BenchError, match=rf"{what}.* cannot be read \(Permission denied\): allow it"):
        Folder(path=str(root)).labels()


def test_a_list_that_is_no_file_does_not_wait_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(BenchError, match="is no file that can be read twice"):
        CsvFile(file=str(tmp_path / "list.csv")).labels()


def test_a_listed_pipe_is_named_and_left_out(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    os.mkfifo(root / "cat" / "pipe.wav")
    rows = [f"{path.relative_to(root).as_posix()},{path.parent.name}" for path in sorted(root.glob("*/*.wav"))]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    notes = prepared(CsvFile(file=str(root / "list.csv")), tmp_path).notes
    assert any("1 clip is unusable and left out: cat/pipe.wav (is no file but a FIFO)" in note for note in notes)


ALIKE = {
    "case": ("dog", "Dog"),
    "blank": ("dog", "dog "),
    "two blanks": ("big dog", "big  dog"),
    "no-break space": ("big dog", "big\u00a0dog"),
    "zero-width space": ("dog", "do\u200bg"),
    "soft hyphen": ("dog", "do\u00adg"),
    "full width": ("dog", "\uff44\uff4f\uff47"),
    "Cyrillic": ("dog", "d\u043eg"),
    "variation selector": ("dog", "dog\ufe0f"),
}


@pytest.mark.parametrize(
    "labels",
    [
        ("\u0938\u0941\u0928", "\u0938\u0942\u0928"),  # Devanagari: u and uu
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e35\u0e19"),  # Thai: i and ii
        ("e", "\u00e9"),
        ("1", "l", "I", "cats", "cat"),
    ],
)
def test_labels_that_differ_by_a_mark_or_a_stroke_are_classes_of_their_own(labels: tuple[str, ...]) -> None:
    refuse_confusable("mine", labels)


@pytest.mark.parametrize("kind", ALIKE)
def test_labels_that_no_eye_tells_apart_are_asked_about_by_one_rule(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "own"
    for number in range(12):
        write(root / ("cat", *ALIKE[kind])[number % 3] / f"{number}.wav", tone(number))
    with pytest.raises(
        BenchError, match=r"data set folder: are '.*' and '.*' one class\? The names can hardly be told apart"
    ):
        prepared(Folder(path=str(root)), tmp_path)
    rows = [f'{path.relative_to(root).as_posix()},"{path.parent.name}"' for path in sorted(root.glob("*/*.wav"))]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    listed = CsvFile(file=str(root / "list.csv"))
    if kind == "blank":
        assert listed.labels() == ("cat", "dog")  # cells have no blanks at their ends
    else:
        with pytest.raises(BenchError, match=r"data set csv: are .* one class"):
            prepared(listed, tmp_path)
    data = prepared(Folder(path=str(root), classes=ALIKE[kind]), tmp_path)
    assert data.labels == tuple(sorted(ALIKE[kind]))


@pytest.mark.parametrize(
    ("labels", "refused"),
    [
        (("cat", "dog", "cat,dog"), "'cat,dog' looks like 2 labels of one clip, .* --classes cat,dog"),
        (("cat", "dog", "dog; cat"), "'dog; cat' looks like 2 labels"),
        (("cat", "dog", "['cat', 'dog']"), "looks like 2 labels"),
        (("cat|dog", "dog|owl", "owl|cat"), r"'cat\|dog' looks like 2 labels of one clip, .* --classes NAME,..."),
        (("rain, heavy", "rain, light", "sun"), ""),
        (("Speech, male", "Speech, female", "Singing, male", "Singing, female"), ""),
        (("0,5", "0,1", "1,5", "1,1"), ""),
        (("Devanagari \u0915\u093f", "Devanagari \u0915\u0940", "a/b"), ""),
    ],
)
def test_several_labels_in_a_cell_are_no_class(labels: tuple[str, ...], refused: str) -> None:
    if not refused:
        refuse_confusable("csv", labels)
        return
    with pytest.raises(BenchError, match=refused):
        refuse_confusable("csv", labels)


def test_a_link_to_another_folder_of_the_data_set_hides_neither(tmp_path: Path) -> None:
    """Only a link back up is left out; what is there twice is said by its sound."""
    root = cats_and_dogs(tmp_path / "own", 12)
    write(root / "bird" / "1.wav", tone(99))
    (root / "bird" / "other").symlink_to(root / "cat")
    (root / "cat" / "up").symlink_to(root)
    (root / "dog" / "to-bird").symlink_to(root / "bird")
    (root / "bird" / "to-dog").symlink_to(root / "dog")
    paths = {clip.path for clip in Folder(path=str(root)).clips(root).clips}
    assert {"bird/other/s0_0.wav", "cat/s0_0.wav", "bird/to-dog/s1_1.wav", "dog/to-bird/1.wav"} <= paths
    assert not any("/up/" in path for path in paths)
    with pytest.raises(BenchError, match="the same sound"):
        prepared(Folder(path=str(root)), tmp_path)


def test_classes_with_commas_are_named_so_that_they_can_be_taken(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for number in range(24):
        write(root / ("big, dog", "cat")[number % 2] / f"{number}.wav", tone(number))
    (root / "empty").mkdir()
    with pytest.raises(BenchError, match=r"""--set 'dataset.classes=\["big, dog", "cat"\]'"""):
        prepared(Folder(path=str(root)), tmp_path)
    assert prepared(Folder(path=str(root), classes=("big, dog", "cat")), tmp_path).labels == ("big, dog", "cat")


def test_a_terminal_that_cannot_read_names_is_told_from_names_in_another_encoding() -> None:
    """As Python has a name in UTF-8 where LC_ALL=C and PYTHONUTF8=0 have it read as ASCII."""
    clip = Clip(path="K\udcc3\udca4tzchen/0.wav", label="K\udcc3\udca4tzchen", split="train")
    with pytest.raises(BenchError, match=r"cannot read the name of 'K\\udcc3\\udca4tzchen/0.wav': set PYTHONUTF8=1"):
        refuse_unreadable_names("own", [clip])

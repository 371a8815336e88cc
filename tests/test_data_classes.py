"""Classes that are chosen by name, of any data set: `--classes`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_audio import cats_and_dogs, prepared, tone, write
from small_datasets import esc

from bench.api.resolve import RunOptions
from bench.data.chosen_classes import chosen_labels, chosen_listing
from bench.data.dataset_check import check_dataset_audio
from bench.errors import BenchError, WrongUsage
from bench.options import checked_options
from bench.plugins import PluginConfig
from bench.plugins.references import dataset_config
from bench.plugins.registry import installed
from bench_plugins.datasets.csv_file import CsvFile
from bench_plugins.datasets.folder import Folder
from bench_plugins.datasets.philharmonia import INSTRUMENTS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = cats_and_dogs(tmp_path / "own")
    for number in range(20):
        write(root / "owl" / f"{number}.wav", tone(50 + number))
    return root


def test_the_others_are_left_out_and_the_order_is_the_data_sets(root: Path, tmp_path: Path) -> None:
    every = prepared(Folder(path=str(root)), tmp_path)
    some = prepared(Folder(path=str(root), classes=("owl", "cat", "owl")), tmp_path)
    assert some.labels == ("cat", "owl") and sum(map(some.clips, some.splits)) == 40
    assert some.revision != every.revision and some.dataset.options["classes"] == ["cat", "owl"]
    assert "classes" not in every.dataset.options  # so that rows of all classes are those that they were
    shutil.rmtree(root / "dog")
    assert some.revision == prepared(Folder(path=str(root)), tmp_path).revision


def test_a_check_looks_at_them_alone(root: Path, tmp_path: Path) -> None:
    dataset = Folder(path=str(root), classes=("owl", "cat"))
    check = check_dataset_audio(dataset, data_dir=tmp_path, progress=lambda *step: None)
    assert check.labels == ("cat", "owl") and len(check.used) == 40


def test_a_class_that_there_is_not(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="data set folder has no class 'owls': did you mean owl"):
        prepared(Folder(path=str(root), classes=("owls", "cat")), tmp_path)
    with pytest.raises(BenchError, match="has 1 class, and classifying takes two"):
        prepared(Folder(path=str(root), classes=("cat",)), tmp_path)


def test_the_option_is_one_of_every_data_set() -> None:
    for given in ("owl,cat", ["owl", "cat"], ("cat", "owl", "cat")):
        options = checked_options({"classes": given})
        for reference in ("folder:x", "csv:x.csv", "fsdd", "esc50", "philharmonia"):
            config = dataset_config(installed(), reference, options.dataset_settings)
            assert config.options["classes"] == ["cat", "owl"]
    config = dataset_config(installed(), "fsdd", {"dataset.classes": "3,1"})
    assert installed().dataset(PluginConfig.model_validate_json(config.model_dump_json())).classes == ("1", "3")
    assert "classes" not in dataset_config(installed(), "fsdd", RunOptions().dataset_settings).options
    with pytest.raises(WrongUsage, match=r"classes and settings dataset.classes say the same"):
        checked_options({"classes": "a,b", "settings": {"dataset.classes": "a,b"}})


def test_a_copy_that_lacks_classes_can_be_used(tmp_path: Path) -> None:
    root = esc(tmp_path / "ESC-50-master")
    table = root / "meta" / "esc50.csv"
    table.write_text("".join(line for line in table.open() if ",cow," not in line))
    labels = tuple(label for label in chosen_labels(installed().dataset(PluginConfig(name="esc50"))) if label != "cow")
    dataset = installed().dataset(PluginConfig(name="esc50", options={"classes": labels}))
    listing = chosen_listing(dataset, root)
    assert chosen_labels(dataset) == labels and len(listing.clips) == 49 * 40 and listing.notes == ()
    ten = installed().dataset(PluginConfig(name="esc50", options={"classes": ["dog", "rain"]}))
    assert {clip.label for clip in chosen_listing(ten, root).clips} == {"dog", "rain"}


def test_a_list_of_ones_own_may_name_files_of_other_classes_that_are_not_there(root: Path, tmp_path: Path) -> None:
    rows = [f"{path.relative_to(root).as_posix()},{path.parent.name}" for path in sorted(root.glob("*/*.wav"))]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    shutil.rmtree(root / "owl")
    gone = rows[0].partition(",")[0]
    (root / gone).unlink()
    with pytest.raises(BenchError, match=r"class owl has no training clip: .* leave it out by --classes cat,dog"):
        prepared(CsvFile(file=str(root / "list.csv")), tmp_path)
    data = prepared(CsvFile(file=str(root / "list.csv"), classes=("cat", "dog")), tmp_path)
    assert data.labels == ("cat", "dog") and sum(map(data.clips, data.splits)) == 39
    assert any(note.startswith(f"1 clip is missing and left out: {gone}") for note in data.notes)


def test_notes_of_some_instruments(shared_data: Path, tmp_path: Path) -> None:
    """Over a real copy from which an instrument was taken."""
    copy = tmp_path / "data" / "philharmonia" / "all-samples"
    for name in ("bassoon", "cello", "flute"):
        (copy / name).mkdir(parents=True)
        for path in sorted((shared_data / "philharmonia" / "all-samples" / name).glob("*.mp3"))[:10]:
            shutil.copy(path, copy / name)
    every = installed().dataset(PluginConfig(name="philharmonia"))
    with pytest.raises(
        BenchError, match=r"class banjo has no training clip: add some, or leave it out by --classes bass"
    ):
        prepared(every, tmp_path)
    chosen = installed().dataset(PluginConfig(name="philharmonia", options={"classes": ["bassoon", "cello", "flute"]}))
    data = prepared(chosen, tmp_path)
    assert data.labels == ("bassoon", "cello", "flute") and "trumpet" in INSTRUMENTS


def test_a_study_of_some_classes_has_rows_of_its_own(root: Path, tmp_path: Path) -> None:
    import bench

    study = bench.run(
        f"folder:{root}",
        classes=["owl", "cat"],
        workers=0,
        trials=1,
        finalists=1,
        final_seeds=1,
        epochs=1,
        models=["tc-resnet"],
        features=["mel"],
        settings={"feature.mel.sample_rate": 8000},
    )
    (protocol,) = study.leaderboard().protocols
    assert protocol.dataset.options["classes"] == ["cat", "owl"]

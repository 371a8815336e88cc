"""Resumes of studies that were renamed, copied or moved, whose data lie elsewhere, or whose versions have changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from api_classes import QUICK
from made_audio import cats_and_dogs, tone, write

import bench
from bench.errors import BenchError
from bench.results.study_folder import StudyFolder


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data given by a relative path, and a finished study of them, which tests copy."""
    root = tmp_path_factory.mktemp("begun")
    cats_and_dogs(root / "audio", 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        bench.run("folder:audio", study="mine", results=root / "results", **{**QUICK, "trials": 1})
    return root


@pytest.fixture
def here(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the results, in another folder, where the data are not."""
    shutil.copytree(begun / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


def more(study: str | Path, **options: Any) -> bench.Study:
    """The study with one more trial."""
    return bench.resume(study, trials=2, **options)


def test_a_relative_folder_is_found_from_another_directory(here: Path, begun: Path) -> None:
    study = more("mine")
    assert len(study.trials) == 2 and study.data_folder == begun / "audio"
    before, after = (run.record.spec.dataset for run in study.trials)
    assert before == after, "the same row as before"


@pytest.mark.parametrize("how", ["renamed", "copied"])
def test_a_study_has_the_name_of_its_folder(here: Path, how: str) -> None:
    (shutil.copytree if how == "copied" else shutil.move)(here / "mine", here / "yours")  # type: ignore[operator]
    study = more("yours")
    assert [run.record.study for run in (*study.trials, *study.finals)] == ["yours"] * (2 + len(study.finals))
    assert study.leaderboard().rows()[0].runs[0].run.startswith("yours/")
    assert (here / "mine").exists() == (how == "copied")


def test_data_that_have_moved_are_found_where_the_resume_says_if_they_are_the_same(here: Path, begun: Path) -> None:
    record = StudyFolder(here / "mine").record()
    StudyFolder(here / "mine").write(record.model_copy(update={"location": str(here / "gone")}))
    with pytest.raises(BenchError, match=rf"began with {here}/gone: say where that is now by --dataset"):
        more("mine")
    moved = shutil.copytree(begun / "audio", here.parent / "moved")
    other = shutil.copytree(begun / "audio", here.parent / "other")
    write(other / "cat" / "more.wav", tone(99))
    with pytest.raises(BenchError, match="the files of folder:audio have changed since study 'mine' began"):
        more("mine", dataset=f"folder:{other}")
    with pytest.raises(BenchError, match="'mine' is of data set folder, not of fsdd"):
        more("mine", dataset="fsdd")
    assert len(more("mine", dataset=f"folder:{moved}").trials) == 2
    assert StudyFolder(here / "mine").record().location == str(moved)


def test_the_absolute_path_is_published_nowhere(here: Path, begun: Path) -> None:
    made = (bench.resume("mine").folder / "leaderboard").iterdir()
    pages = [path.read_bytes() for path in made if path.suffix in (".md", ".json")]
    assert pages and not any(str(begun).encode() in page for page in pages)


def test_a_resume_with_other_versions_is_refused_with_both_named_or_marks_the_runs(here: Path) -> None:
    record = StudyFolder(here / "mine").record()
    torch = record.versions["torch"]
    older = record.model_copy(update={"versions": record.versions | {"torch": "1.0.0", "python": "3.1.4"}})
    StudyFolder(here / "mine").write(older)
    with pytest.raises(
        BenchError, match=rf"python was 3.1.4 and is .*torch was 1.0.0 and is {torch}.*allow_changed_versions"
    ):
        more("mine")
    assert len(StudyFolder(here / "mine").trials()) == 1
    study = more("mine", allow_changed_versions=True)
    assert len(study.trials) == 2
    marked = StudyFolder(here / "mine").record().versions
    assert marked["torch"] == f"1.0.0, then {torch}" and marked["numpy"] == record.versions["numpy"]
    assert bench.resume("mine").options.trials == 2, "what was allowed once is not asked again"

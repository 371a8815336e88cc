"""Rows of one's own recordings: no folder of a machine on a page, one row for every spelling, reproduced elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from api_classes import QUICK
from made_audio import cats_and_dogs, tone, write
from reporting_results import make_study

import bench
from bench.errors import BenchError
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.commands import portable_command, without_folders
from bench.reporting.leaderboard_page import render_leaderboard
from bench.reporting.publishing import load_published, publish
from bench.reporting.verification import verify
from bench.results.study_folder import StudyFolder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with recordings, that studies spell in three ways, and a page of them."""
    home = tmp_path_factory.mktemp("home")
    audio = cats_and_dogs(home / "my recordings", clips=12)
    write(audio / "cat" / "silent.wav", 0 * tone(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(home / "cache"))
        patch.chdir(home)
        first = bench.run(
            f"folder:{audio}", study="first", **{**QUICK, "trials": 1, "results": home / "results"}
        ).folder
        for name, spelling in (("second", "./my recordings/"), ("third", "results/../my recordings/../my recordings")):
            shutil.copytree(first, home / "results" / name)
            study = StudyFolder(home / "results" / name)
            config = PluginConfig(name="folder", options={**study.record().dataset.options, "path": spelling})
            data = study.record().data.model_copy(update={"dataset": config})
            command = f"bench run --dataset 'folder:{spelling}'"
            changes = {"name": name, "dataset": config, "data": data, "command": command}
            study.write(study.record().model_copy(update=changes))
        leaderboard = build_leaderboard(home / "results", f"folder:{audio}", registry=installed())
        publish(leaderboard, home / "pages", results=home / "results")
    return home


def page_of(home: Path) -> Path:
    (page,) = (home / "pages").glob("*.json")
    return page


def test_one_folder_in_three_spellings_is_one_data_set_with_one_row(home: Path) -> None:
    leaderboard = load_published(page_of(home))
    assert leaderboard.dataset == "folder:my recordings"
    (protocol,) = leaderboard.protocols
    assert len(protocol.studies) == 3 and len(protocol.rows) == 1
    assert protocol.test_looks is not None and protocol.test_looks.studies == 3
    for spelling in ("folder:my recordings", "folder:../x/my recordings", f"folder:{home}/my recordings/"):
        found = build_leaderboard(home / "results", spelling, registry=installed())
        assert (len(found.protocols[0].studies), found.dataset) == (3, leaderboard.dataset)


def test_no_folder_of_a_home_is_on_a_page(home: Path) -> None:
    for path in (home / "pages").iterdir():
        assert str(home).encode() not in path.read_bytes(), path.name
    text = page_of(home).with_suffix(".md").read_text()
    assert "my recordings" in text and "bench.run(" in text and "silent" in text
    assert verify(page_of(home)).same


def test_a_row_is_run_again_where_its_files_lie_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    row = f"{page_of(home)}:{load_published(page_of(home)).rows()[0].id}"
    chosen = {"workers": 0, "threads": 1, "results": tmp_path / "results"}
    with pytest.raises(BenchError, match=r"folder:my recordings, which is not found here: .*--dataset .*data_dir"):
        bench.reproduce(row, data_dir=tmp_path / "none", **chosen)
    shutil.copytree(home / "my recordings", tmp_path / "data" / "my recordings")
    result = bench.reproduce(row, data_dir=tmp_path / "data", **chosen)
    assert result.verdict == "the same to the last digit"
    (tmp_path / "data" / "my recordings").rename(tmp_path / "renamed")
    assert bench.reproduce(row, dataset="folder:renamed", **chosen).verdict == "the same to the last digit"
    write(tmp_path / "renamed" / "cat" / "one-more.wav", tone(99))
    with pytest.raises(
        BenchError, match=r"renamed does not hold the clips of row \w+ \(revision \w+, and the row is of"
    ):
        bench.reproduce(row, dataset="folder:renamed", **chosen)


def test_a_row_finds_its_files_where_its_study_had_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.api import wanted_of
    from bench.options import RunOptions

    page = page_of(home)
    row, options = f"{page}:{load_published(page).rows()[0].id}", RunOptions(results=home / "results")
    monkeypatch.chdir(home)
    wanted = wanted_of(installed(), row, dataset="", settings={}, seeds=None, options=options)
    assert (home / str(wanted.dataset.options["path"])).resolve() == home / "my recordings"
    assert "path" not in wanted.specs[0].dataset.options


def test_two_sets_on_one_page_stand_under_headings_of_their_own(tmp_path: Path) -> None:
    for number, path in enumerate(("/home/ann/rec", "/home/bob/rec", "/home/bob/other")):
        config = PluginConfig(name="folder", options={"path": path})
        study, record = make_study(tmp_path, name=f"s{number}", dataset=config, revision=str(number) * 16, finals=1)
        data = record.data.model_copy(update={"protocol": "k-fold:2"})
        study.write(record.model_copy(update={"data": data, "command": f"bench run --dataset folder:{path}"}))
    board = build_leaderboard(tmp_path, "folder", registry=installed())
    page = render_leaderboard(board, source="x.json")
    headings = [line for line in page.splitlines() if line.startswith("## Protocol")]
    assert len(headings) == len(set(headings)) == 3
    assert [sum(f"folder:{name}, revision" in line for line in headings) for name in ("rec", "other")] == [2, 1]
    only = build_leaderboard(tmp_path, "folder:../rec", registry=installed())
    assert {one.revision for one in only.protocols} == {"0" * 16, "1" * 16}


@pytest.mark.parametrize(
    ("command", "published"),
    [
        ("bench run --dataset folder:/home/ann/a.b/rec --trials 3", "bench run --dataset folder:rec --trials 3"),
        ("bench run -d csv:~/x/list.csv", "bench run -d csv:list.csv"),
        ("bench run --dataset=folder:/home/ann/rec/", "bench run --dataset folder:rec"),
        (
            "bench run --dataset folder --set dataset.path=/home/ann/rec",
            "bench run --dataset folder --set dataset.path=rec",
        ),
        ("bench run --dataset esc:50", "bench run --dataset esc:50"),
        ("bench.run('folder:/home/ann/rec', results='/home/ann/r', trials=3)", "bench.run('folder:rec', trials=3)"),
    ],
)
def test_a_command_is_published_without_folders(command: str, published: str) -> None:
    assert portable_command(command) == published


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("2 clips are silent: a/b.wav (all: /home/ann/.cache/bench/x.txt)", "2 clips are silent: a/b.wav (all: x.txt)"),
        ("No such file: '/home/ann/w.pt'", "No such file: 'w.pt'"),
        ("see https://host.example/a/b and 1/2 of and/or", "see https://host.example/a/b and 1/2 of and/or"),
    ],
)
def test_a_note_is_published_without_folders(text: str, published: str) -> None:
    assert without_folders(text) == published

"""`bench new plugin`: a package that passes `bench check` and its own tests as it is made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import plugins_at, refusal, run
from plugin_packages import describe

from bench.plugins.scaffold import PARTS, package_name


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new package with a plugin of every kind, which is found as if pip had installed it."""
    output = tmp_path_factory.mktemp("new")
    done = run("new", "plugin", "Bird_Songs", *(f"--{kind}" for kind in PARTS), "--output", output)
    assert done.returncode == 0, done.stderr
    folder = output / "bird-songs"
    describe(folder, "bird-songs", "bird_songs")
    with plugins_at(folder):
        yield folder


def test_it_passes_its_check(package: Path) -> None:
    done = run("check", "--make", "bird-songs")
    assert done.returncode == 0 and done.stdout.endswith(f"{len(PARTS)} checked, 0 broken\n"), done.stdout


def test_it_passes_its_own_tests(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert pytest.main([str(package), "-q", "-p", "no:cacheprovider", "--rootdir", str(package)]) == 0
    assert len(list((package / "tests").glob("test_*.py"))) == len(PARTS)


def test_it_is_listed_and_its_first_command_is_said(package: Path) -> None:
    listed = run("list", "models").stdout
    assert any(
        line.startswith("bird-songs-net ") and line.endswith("bird-songs")
        for line in map(str.rstrip, listed.splitlines())
    )
    readme = (package / "README.md").read_text()
    assert (
        "bench run --dataset bird-songs-tones --models bird-songs-net --features bird-songs-bands" in readme
        and "$" not in readme
    )


@pytest.mark.parametrize("kind", PARTS)
def test_one_kind_alone_has_nothing_of_the_others(kind: str, tmp_path: Path) -> None:
    assert run("new", "plugin", "my-own", f"--{kind}", "--output", tmp_path).returncode == 0
    hooks = (tmp_path / "my-own" / "my_own" / "__init__.py").read_text()
    assert f"def bench_{kind}s()" in hooks and hooks.count("@hookimpl") == 1
    assert [path.name for path in (tmp_path / "my-own" / "tests").iterdir()] == [f"test_{kind}.py"]
    assert "$" not in "".join(path.read_text() for path in tmp_path.rglob("*.*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("my net", "is no name of a package", 2),
        ("-net", "no such option", 2),
        ("café", "is no name of a package", 2),
        ("../net", "is no name of a package", 2),
        ("x" * 51, "is no name of a package", 2),
        ("3d", "no Python module can be called 3d", 2),
        ("class", "no Python module can be called class", 2),
        ("json", "a module json is there already", 1),
        ("bench-audio", "a package bench-audio is installed", 1),
        ("pytest", "a package pytest is installed", 1),
    ],
)
def test_names_that_no_package_can_have(name: str, words: str, code: int, tmp_path: Path) -> None:
    refusal(run("new", "plugin", name, "--output", tmp_path), words, code=code)
    assert not list(tmp_path.iterdir())


def test_names_are_normalised_as_package_indexes_do() -> None:
    named = package_name("Bird_.Songs")
    assert (named.name, named.module, named.title) == ("bird-songs", "bird_songs", "BirdSongs")


@pytest.mark.parametrize("there", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    folder = tmp_path / "my-own"
    if there == "folder":
        folder.mkdir()
    elif there == "file":
        folder.write_text("mine")
    else:
        folder.symlink_to(tmp_path / "gone")
    refusal(run("new", "plugin", "my-own", "--output", tmp_path), "is there already, and nothing is overwritten")
    assert [path.name for path in tmp_path.iterdir()] == ["my-own"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    refusal(run("new", "plugin", "my-own", "--output", tmp_path / "file"), "cannot be written")

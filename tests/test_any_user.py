"""The harness for whoever starts it: a user without a name or a home, and an interpreter that leaves out assertions."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_audio import cats_and_dogs

import bench
from bench import files

HOUSE = Path(bench.__file__).parent
PATH = os.pathsep.join(map(str, (HOUSE.parent, HOUSE.parent / "plugins", Path(__file__).parent)))
TINY = (
    *("--models", "tc-resnet", "--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "1"),
    *("--trials", "1", "--finalists", "0", "--threads", "1", "--tracking-uri", "none"),
)


def as_nobody(python: str) -> list[str]:
    """A command of a user without an entry in /etc/passwd, whose environment is empty, as of `docker run --user 12345`."""
    environment = [
        "PATH=/usr/bin:/bin",
        f"PYTHONPATH={PATH}:{':'.join(p for p in sys.path if p.endswith('-packages'))}",
    ]
    environment.append(f"LD_LIBRARY_PATH={Path(python).resolve().parents[1] / 'lib'}")
    return ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "env", "-i", *environment, python]


@pytest.fixture
def python() -> str:
    """An interpreter of this version that any user may run."""
    if os.getuid() or shutil.which("setpriv") is None:
        pytest.skip("only root becomes another user")
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3", shutil.which("python3") or ""):
        if candidate and Path(candidate).exists():
            test = [
                *as_nobody(candidate),
                "-c",
                f"import sys, numpy; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})",
            ]
            if subprocess.run(test, capture_output=True, check=False, cwd="/").returncode == 0:
                return candidate
    pytest.skip("no interpreter of this version is open to other users")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_user_without_name_and_home_runs_a_study(python: str, open_folder: Path) -> None:
    cats_and_dogs(open_folder / "audio", 10)
    own = open_folder / "own"
    own.mkdir()
    os.chown(own, 12345, 12345)
    words = ["-P", "-m", "bench", "run", "--dataset", f"folder:{open_folder}/audio", *TINY]
    done = subprocess.run([*as_nobody(python), *words], cwd=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/1] trial-0000 tc-resnet on mel: validation accuracy" in done.stdout + done.stderr
    assert {path.name for path in own.iterdir()} == {"bench-results", "bench-cache"}


@pytest.mark.parametrize("home", ["/", "/proc/nowhere"])
def test_a_home_where_nothing_can_be_made_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    for variable in ("BENCH_CACHE_DIR", "BENCH_DATA_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    monkeypatch.chdir(tmp_path)
    assert files.cache_directory() == Path("bench-cache") and files.data_directory(None) == Path("bench-data")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    files.give_libraries_a_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "bench-cache" / "numba")
    assert os.environ["HOME"] == home, "what is set stays"
    assert files.cache_directory() == tmp_path / "bench-cache", "wherever the command goes"


def test_a_home_that_may_not_be_entered_is_none(python: str, open_folder: Path) -> None:
    """That of the user who started the shell, as `su` and `setpriv` leave it in the environment, or `docker run --user`."""
    (open_folder / "closed").mkdir(mode=0o700)
    own = open_folder / "own"
    own.mkdir()
    os.chown(own, 12345, 12345)
    script = "from bench.files import cache_directory, data_directory; print(cache_directory(), data_directory(None))"
    command = [*as_nobody(python)[:-1], f"HOME={open_folder}/closed", python, "-P", "-c", script]
    done = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
    assert done.stdout == "bench-cache bench-data\n", done.stderr


def test_audio_is_decoded_and_read_where_assertions_are_left_out(tmp_path: Path) -> None:
    """PYTHONOPTIMIZE=1, as some container images have it."""
    cats_and_dogs(tmp_path / "audio", 10)
    script = f"""
from pathlib import Path
from made_audio import prepared
from bench.data.preparation import load_split
from bench_plugins.datasets.folder import Folder
data = prepared(Folder(path={str(tmp_path / "audio")!r}), Path({str(tmp_path)!r}))
print(len(load_split(data, "train", sample_rate=8000).samples), data.clips("train"), __debug__)
"""
    environment = {**os.environ, "PYTHONOPTIMIZE": "1", "PYTHONPATH": PATH}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "14 14 False\n", done.stderr


def test_no_assertion_stands_in_the_harness() -> None:
    """What it does, or guards against, would be left out with it."""
    found = [
        f"{path.relative_to(HOUSE)}:{node.lineno}"
        for path in HOUSE.rglob("*.py")
        if "assert" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert)
    ]
    assert found == []

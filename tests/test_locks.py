"""Locks between processes: who has one is named, and none outlives its process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import locks
from bench.errors import BenchError
from bench.locks import Locked, NoLocks, audio_in_use, lock, study_locked, this_process


@contextmanager
def in_another_process(block: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process inside `with block:`, where the block may name the path."""
    code = (
        "import sys, pathlib; from bench.locks import *\npath = pathlib.Path(sys.argv[1])\n"
        f"with {block}: print(this_process(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().startswith("process ")
        yield process
        process.kill()


def test_whoever_has_a_study_is_named_and_its_lock_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    with in_another_process("study_locked(path)", folder) as process:
        owner = rf"study 'mine' is being run by process {process.pid} on \S.* since [-\d]+T\d\d:\d\d:\d\dZ: watch"
        with pytest.raises(BenchError, match=owner), study_locked(folder):
            pass
    with study_locked(folder):
        pass


def test_the_name_of_a_process_fits_a_postgresql_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.platform, "node", lambda: "a-very-long-name-of-a-h\u00f6st.example.org")
    monkeypatch.setattr(locks.os, "getpid", lambda: 4194304)
    assert len(this_process()) <= 63 and this_process().isascii()


def test_shared_locks_go_together_and_with_no_exclusive_one(tmp_path: Path) -> None:
    other = in_another_process("lock(path, shared=True)", tmp_path)
    with other, audio_in_use([tmp_path]), pytest.raises(Locked), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study is refused there, and decoded audio is used unprotected."""

    def refuse(*arguments: object, **options: object) -> bool:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks, "lock_descriptor", refuse)
    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(NoLocks), lock(tmp_path):
        pass
    with pytest.raises(BenchError, match="a file system that has locks"), study_locked(tmp_path / "mine"):
        pass
    with audio_in_use([tmp_path]):
        pass

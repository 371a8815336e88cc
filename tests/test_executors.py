"""The local executor with workers that are not what they should be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from failing_studies import wait_for

from bench.errors import BenchError
from bench.executors import local
from bench.executors.local import LocalExecutor
from bench.plugins.registry import installed


def test_a_worker_that_cannot_be_understood_is_ended_rather_than_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WORKER", "children:talk_nonsense")
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.2)
    executor = LocalExecutor(workers=1, device="cpu", log_folder=tmp_path, registry=installed())
    begin = time.monotonic()
    try:
        with pytest.raises(BenchError, match="a worker cannot be started"):
            while time.monotonic() < begin + 60:
                executor.events(timeout=0.2)
    finally:
        executor.close(now=True)


def test_a_log_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="logs"):
        LocalExecutor(workers=1, device="cpu", log_folder=tmp_path / "file" / "logs", registry=installed())


def test_workers_share_what_they_import_and_are_replaced_also_without_it(tmp_path: Path) -> None:
    def start() -> LocalExecutor:
        executor = LocalExecutor(workers=2, device="cpu", log_folder=tmp_path, registry=installed(), threads=1)
        wait_for(lambda: executor.events(timeout=0.1) or executor.free == 2)
        return executor

    executor = start()
    try:
        first, second = executor.pids
        (template,) = {parent_of(first), parent_of(second)}
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: executor.events(timeout=0.1) or (executor.free == 2 and first not in executor.pids))
        assert {parent_of(pid) for pid in executor.pids} == {template}
        os.kill(template, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        wait_for(lambda: executor.events(timeout=0.1) or (executor.free == 2 and second not in executor.pids))
        (another,) = {parent_of(pid) for pid in executor.pids} - {template, 1}
        executor.close()
        executor = start()
        assert {parent_of(pid) for pid in executor.pids} == {another}, "the next study's workers start at once"
    finally:
        executor.close(now=True)
    assert not (tmp_path / "worker-0.log").read_text()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_worker_keeps_freed_memory_and_its_parent_does_not(tmp_path: Path) -> None:
    executor = LocalExecutor(workers=1, device="cpu", log_folder=tmp_path, registry=installed())
    try:
        while not executor.free:  # from then on the process is surely the worker
            executor.events(timeout=0.2)
        environment = Path(f"/proc/{executor.pids[0]}/environ").read_bytes().split(b"\0")
        assert b"MALLOC_MMAP_MAX_=0" in environment
        assert "MALLOC_MMAP_MAX_" not in os.environ
    finally:
        executor.close(now=True)

"""Child processes: started from any kind of script, which they do not run again, and ended with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from failing_studies import alive, wait_for
from soak_checks import children

from bench import child_process
from bench.child_process import ChildProcess
from bench.child_template import TEMPLATES_WORK, CopiedProcess

SCRIPT = """
import sys, threading
sys.path.insert(0, {tests!r})
from bench.child_process import ChildProcess
print("script runs")
def add():
    child = ChildProcess("children:add", 3, 4)
    print("sum", child.connection.recv(), "exit code", child.wait())
    child.end()
{calls}
"""
CALLS = {"main": "add()", "thread": "thread = threading.Thread(target=add); thread.start(); thread.join()"}


@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("how", ["file", "stdin", "-c", "-m"])
def test_a_script_without_main_guard_is_not_run_again(tmp_path: Path, how: str, calls: str) -> None:
    script = SCRIPT.format(tests=str(Path(__file__).parent), calls=CALLS[calls])
    (tmp_path / "script.py").write_text(script)
    words = {"file": ["script.py"], "stdin": ["-"], "-c": ["-c", script], "-m": ["-m", "script"]}[how]
    done = subprocess.run(
        [sys.executable, *words],
        input=script if how == "stdin" else None,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("script runs\nsum 7 exit code 7\n", "")


@pytest.mark.parametrize("function", ["sleep", "sleep_deaf"])
def test_a_child_and_what_it_started_end_with_a_killed_parent(function: str) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from bench.child_process import ChildProcess\n"
        f"child = ChildProcess('children:{function}')\n"
        "print(child.pid, child.connection.recv(), flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split() if word.isdigit()]
        assert all(map(alive, pids))
        parent.kill()
    wait_for(lambda: not any(map(alive, pids)), child_process.CLEANUP_SECONDS + 20)


@pytest.mark.parametrize("grace", [0.0, 20.0])
def test_ending_a_child_ends_what_it_started(grace: float) -> None:
    child = ChildProcess("children:sleep")
    grandchild = child.connection.recv()
    begin = time.monotonic()
    child.end(grace=grace)
    assert child.exit_code == -(signal.SIGTERM if grace else signal.SIGKILL) and time.monotonic() < begin + 15
    wait_for(lambda: not alive(grandchild), 20)
    child.end()  # Which does nothing.


def test_a_child_that_dies_while_it_starts_is_known_by_its_connection_and_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, sys; print('no driver', file=sys.stderr); os._exit(3)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        child = ChildProcess("children:add", 1, environment=environment, output=log)
    with pytest.raises((EOFError, ConnectionResetError)):
        child.connection.recv()
    assert child.wait() == 3 and "no driver" in (tmp_path / "log").read_text()
    child.end()


def copy(
    function: str, *arguments: object, output: IO[bytes], imports: str = "children:import_nothing"
) -> CopiedProcess:
    return CopiedProcess(function, *arguments, imports=imports, environment=os.environ, output=output)


@pytest.mark.skipif(not TEMPLATES_WORK, reason="the system has no descriptors of processes")
def test_a_copy_of_a_template_is_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_MARK", "of the copy")
    with (tmp_path / "log").open("wb") as log:
        copies = [copy("children:say", f"number {number}", output=log) for number in range(3)]
    said = [child.connection.recv() for child in copies]
    assert {child.wait(60) for child in copies} == {0} and {child.exit_code for child in copies} == {0}
    assert [one["pid"] for one in said] == [child.pid for child in copies]
    assert {(one["mark"], one["parent"]) for one in said} == {("of the copy", os.getpid())}
    assert all(one["group"] == one["session"] == one["pid"] for one in said)
    assert sorted((tmp_path / "log").read_text().split("\n")) == ["", "number 0", "number 1", "number 2"]
    for child in copies:
        child.end()


@pytest.mark.skipif(not TEMPLATES_WORK, reason="the system has no descriptors of processes")
def test_how_a_copy_ended_is_known(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        killed, raising = copy("children:sleep", output=log), copy("children:fail", output=log)
    grandchild = killed.connection.recv()
    assert killed.exit_code is None and raising.wait(60) == 1
    assert "ConnectionError: the disk is gone" in (tmp_path / "log").read_text()
    killed.signal(signal.SIGTERM)
    assert killed.wait(60) == -signal.SIGTERM
    killed.end()
    raising.end()
    wait_for(lambda: not alive(grandchild), 20)


@pytest.mark.skipif(not TEMPLATES_WORK, reason="the system has no descriptors of processes")
def test_a_copy_can_be_ended_at_once(tmp_path: Path) -> None:
    """Also where it has just been made, and leads no group yet."""
    with (tmp_path / "log").open("wb") as log:
        for _ in range(40):
            child = copy("children:sleep_deaf", output=log)
            child.end()
            assert child.exit_code == -signal.SIGKILL


@pytest.mark.skipif(not TEMPLATES_WORK, reason="the system has no descriptors of processes")
def test_a_template_that_cannot_import_says_so_where_its_copy_would(tmp_path: Path) -> None:
    for _ in range(2):
        with (tmp_path / "log").open("wb") as log:
            child = copy("children:say", "nothing", imports="children:cannot_import", output=log)
        with pytest.raises((EOFError, ConnectionError)):
            child.connection.recv()
        assert child.wait(60) == 1 and "No module named 'torchless'" in (tmp_path / "log").read_text()
        child.end()


@pytest.mark.skipif(not TEMPLATES_WORK, reason="the system has no descriptors of processes")
def test_copies_and_their_template_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_child_process import copy\n"
        f"with open({str(tmp_path / 'log')!r}, 'wb') as log: child = copy('children:sleep', output=log)\n"
        "print(child.pid, child.connection.recv(), flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split() if word.isdigit()]
        pids += children(parent.pid)
        assert len(pids) >= 3 and all(map(alive, pids))
        parent.kill()
    wait_for(lambda: not any(map(alive, pids)), child_process.CLEANUP_SECONDS + 20)


@pytest.mark.parametrize("how", [["-c", "import random, signal"], ["-m", "json.tool", "--help"]])
def test_modules_of_the_working_folder_are_none_of_a_child_or_of_what_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: list[str]
) -> None:
    """Such as the random.py of somebody who works there, in the way of MLflow's server and of workers."""
    for name in ("random", "signal", "queue", "argparse", "json", "bench"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the user was run')\n")
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        child = ChildProcess("bench.child_process:run_command", [sys.executable, *how], output=log)
    assert child.wait(60) == 0, (tmp_path / "log").read_text()
    child.end()

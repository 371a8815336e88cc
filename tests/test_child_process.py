"""Child processes: started from any kind of script, which they do not run again, and ended with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from failing_studies import alive, wait_for

from bench import child_process
from bench.child_process import ChildProcess

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

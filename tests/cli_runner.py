"""Runs the `bench` command line in the test's own process, which pays the imports of torch and MLflow once.

    done = run("show", "mell")
    assert done.returncode == 1 and done.stderr == "bench: nothing is called 'mell': ...\\n"

What goes in is what a user types, and what comes out is what a shell would give: exit code and both streams. Studies run
so are given `--workers 0` where no worker process is the point. Real processes (`run_process`) are for signals, kills,
limits, the environment at start and exit handlers, and for one study as a user types it.

Plugin packages that a test makes are found inside `with plugins_at(site): ...`, and in processes by PYTHONPATH.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from bench.cli.main import main
from bench.plugins.registry import installed


@dataclass(frozen=True)
class Result:
    """What the shell sees of a command.

    Attributes:
        returncode: 0 done, 1 an error, 2 wrong usage, 130 interrupted.
        stdout: Everything that was printed.
        stderr: Warnings, the progress of a study and the line of an error.
    """

    returncode: int
    stdout: str
    stderr: str


def run(*words: str | Path, answer: str = "") -> Result:
    """Runs `bench WORDS...` in this process.

    Args:
        words: What follows `bench` on the command line.
        answer: What is typed when the command asks.
    """
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["bench", *map(str, words)]),
        patch.object(sys, "stdin", io.StringIO(answer)),
        patch.dict(os.environ),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            gc.unfreeze()  # main() expects its process to end
            if torch := sys.modules.get("torch"):
                torch.set_num_threads(1)  # as conftest.py has it
    return Result(code, output.getvalue(), errors.getvalue())


def run_process(*words: str | Path, timeout: float = 120, as_module: bool = False) -> Result:
    """Runs the installed program `bench` as a user does, or `python -m bench`, in a process of its own."""
    program = [sys.executable, "-m", "bench"] if as_module else [str(Path(sys.executable).with_name("bench"))]
    done = subprocess.run(
        [*program, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def refusal(done: Result, *words: str, code: int = 1) -> str:
    """The one line of an error that holds all of `words`; warnings may stand before it, a traceback nowhere."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("bench: warning: ")]
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert len(lines) == 1 and lines[0].startswith("bench: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]
    return lines[0]


@contextmanager
def plugins_at(site: Path) -> Iterator[None]:
    """The plugin packages in `site` are installed for as long as this lasts; more may be put there in between."""
    before = set(sys.modules)
    sys.path.insert(0, str(site))
    reload_plugins()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(site)):
                del sys.modules[name]
        reload_plugins()


def reload_plugins() -> None:
    """Makes the next command look for installed packages again."""
    importlib.invalidate_caches()
    installed.cache_clear()

"""Studies that things are done to: what tests of failures share."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cli_runner

from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord

QUICK = (
    *("--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "2"),
    *("--finalists", "1", "--final-seeds", "1", "--threads", "1"),
)

IN_TURN = """
def turn():
    '''How many networks have come here before, in all processes.'''
    with open({counter!r}, "a") as file:
        file.write("x")
    return os.path.getsize({counter!r}) - 1
"""
"""Source: `turn()`, for a model whose trials fail in different ways."""


NO_MLFLOW = ("--tracking-uri", "none")
"""Words of a study of which only the results folder is looked at."""


class Ended(Protocol):
    """A command that has ended, in this process or in one of its own."""

    returncode: int
    stdout: str
    stderr: str


def bench(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a user types it, in a process of its own."""
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=600, check=False, **options)


def command(*words: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("bench")), *map(str, words)]


def one_line_of(done: Ended) -> str:
    """The one line of an error; warnings may stand before it, a traceback nowhere."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("bench: warning: ")]
    assert done.returncode == 1 and len(lines) == 1, (done.returncode, done.stdout, done.stderr)
    return lines[0]


def resumed(done: Ended) -> Ended:
    """What comes of the command that a stopped study printed."""
    (line,) = [line for line in done.stdout.splitlines() if "to continue: " in line]
    again = cli_runner.run(*shlex.split(line.partition("to continue: bench ")[2]))
    assert again.returncode == 0, again.stderr
    return again


def statuses(study: StudyFolder) -> list[str]:
    """Of its trials, by number."""
    return [run.result.status for run in study.trials()]


def counted(study: StudyFolder) -> list[RunRecord]:
    return [run for run in study.trials() if run.result.status != "lost"]


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """The first true value of `condition`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")

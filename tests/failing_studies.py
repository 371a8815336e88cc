"""Studies that things are done to: what tests of failures share."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_runner import Result, run

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


def command(*words: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("bench")), *map(str, words)]


def resumed(done: Result) -> Result:
    """What comes of the command that a stopped study printed."""
    (line,) = [line for line in done.stdout.splitlines() if "to continue: " in line]
    again = run(*shlex.split(line.partition("to continue: bench ")[2]))
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


def alive(pid: int) -> bool:
    """Whether a process runs, rather than waits for its parent to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""The command line as a user types it, timed from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord

STUDY = "measured"
LOCAL = ("--executor", "local", "--threads", "1")
"""Where a study runs."""


def bench(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Starts `bench`, with its cache and its results in `folder`, and its output in a file there."""
    environment = {
        **os.environ,
        "BENCH_CACHE_DIR": str(folder / "cache"),
        "BENCH_RESULTS_DIR": str(folder / "results"),
    }
    with (folder / "output.txt").open("w") as output:
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("bench")), *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def finish(process: subprocess.Popen[str], folder: Path) -> None:
    """Waits for a command. Raises RuntimeError with what it said where it failed."""
    if process.wait() != 0:
        raise RuntimeError(f"{process.args!r} failed: {(folder / 'output.txt').read_text()[-2000:]}")


def seconds(*arguments: str, folder: Path) -> float:
    """Wall time of a command from its start to its end."""
    start = time.perf_counter()
    finish(bench(*arguments, folder=folder), folder)
    return time.perf_counter() - start


@dataclass(frozen=True)
class StudyTimes:
    """How the wall time of `bench run` divides."""

    start_up: float
    """From the command to the start of the first training, in seconds."""
    running: float
    """From then to the end of the command."""
    trials: tuple[RunRecord, ...]


def study_times(
    audio: Path, folder: Path, *, trials: int, workers: int, settings: Iterable[str], where: Iterable[str] = LOCAL
) -> StudyTimes:
    """Runs a search of so many trials of tc-resnet on mel, one torch thread a worker, in `folder`."""
    begin = time.time()
    command = (
        *("run", "--dataset", f"folder:{audio}", "--models", "tc-resnet", "--features", "mel", "--study", STUDY),
        *("--trials", str(trials), "--workers", str(workers), "--finalists", "0", "--pruner", "none"),
        *(word for setting in settings for word in ("--set", setting)),
        *where,
    )
    finish(bench(*command, folder=folder), folder)
    end = time.time()
    study = StudyFolder(folder / "results" / STUDY)
    runs = study.trials()
    # A run's file is written as soon as its worker is done: its time of writing less its training is when that began.
    began = min((study.run_folder(run) / "run.json").stat().st_mtime - run.result.train_seconds for run in runs)
    return StudyTimes(began - begin, end - began, tuple(runs))

"""Runs the command line as a user does and times it from outside."""

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
"""Options that run a study on this machine."""
UNTRACKED = ("--tracking-uri", "none")
"""Options of quick runs: MLflow takes longer to start than all the rest, and the start-up is measured with it."""
IN_SMALL = (*UNTRACKED, "--workers", "0")
"""The same without workers, which take as long. These are the last options to be given."""


def bench(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Starts `bench` with its cache, results and output in `folder`."""
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
    """Waits for a command. Raises RuntimeError with its output if it failed."""
    if process.wait() != 0:
        raise RuntimeError(f"{process.args!r} failed: {(folder / 'output.txt').read_text()[-2000:]}")


def seconds(*arguments: str, folder: Path) -> float:
    """Returns the wall time of a command."""
    start = time.perf_counter()
    finish(bench(*arguments, folder=folder), folder)
    return time.perf_counter() - start


@dataclass(frozen=True)
class StudyTimes:
    """The wall time of `bench run`, divided into start-up and running."""

    start_up: float
    """Seconds from the command to the start of the first training."""
    running: float
    """Seconds from then to the end of the command."""
    trials: tuple[RunRecord, ...]


def study_times(
    audio: Path,
    folder: Path,
    *,
    trials: int,
    workers: int,
    settings: Iterable[str],
    executor_options: Iterable[str] = LOCAL,
) -> StudyTimes:
    """Runs a search over tc-resnet on mel with one torch thread per worker in `folder`."""
    command_began = time.time()
    command = (
        *("run", "--dataset", f"folder:{audio}", "--models", "tc-resnet", "--features", "mel", "--study", STUDY),
        *("--trials", str(trials), "--workers", str(workers), "--finalists", "0", "--pruner", "none"),
        *(word for setting in settings for word in ("--set", setting)),
        *executor_options,
    )
    finish(bench(*command, folder=folder), folder)
    end = time.time()
    study = StudyFolder(folder / "results" / STUDY)
    runs = study.trials()
    # A run's file is written as soon as its worker is done, so the training began that long before.
    training_began = min(
        (study.run_folder(run) / "run.json").stat().st_mtime - run.result.train_seconds for run in runs
    )
    return StudyTimes(training_began - command_began, end - training_began, tuple(runs))

"""The executor `slurm` of plugins/slurm, whose jobs submitit runs as processes where there is no SLURM."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import plugin_packages
import pytest
from cli_runner import plugins_at, refusal, run
from failing_studies import NO_MLFLOW, QUICK
from made_audio import cats_and_dogs

from bench.errors import BenchError
from bench.executors.jobs import Event, ExecutorSettings, Job, Lost
from bench.options import RunOptions
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder

pytest.importorskip("submitit", reason="jobs of SLURM are handed in by submitit: pip install submitit")
PACKAGE = Path(__file__).parents[1] / "plugins" / "slurm"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which the package is installed, for this process and its children."""
    folder = tmp_path / "site"
    folder.mkdir()
    plugin_packages.describe(folder, "bench-slurm", "bench_slurm")
    paths = [str(folder), str(PACKAGE), *filter(None, sys.path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(PACKAGE))
    with plugins_at(folder):
        yield folder


@pytest.mark.slow
def test_a_study_runs_as_a_job(site: Path, tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "pets", 10)
    words = ("--models", "tc-resnet", "--trials", "1", "--study", "mine", *QUICK, *NO_MLFLOW)
    done = run("run", "--dataset", f"folder:{audio}", "--executor", "slurm", "--workers", "1", *words)
    assert done.returncode == 0, done.stderr
    study = StudyFolder(tmp_path / "results" / "mine")
    assert study.finals()[0].result.status == "complete" and study.record().options.executor == "slurm"
    (jobs,) = (study.folder / "logs" / "slurm").glob("*/jobs")
    assert "bench_slurm.job" in next(jobs.glob("*_log.out")).read_text() or list(jobs.glob("*_result.pkl"))


def settings(tmp_path: Path) -> ExecutorSettings:
    return ExecutorSettings(
        workers=1, device="cpu", log_folder=tmp_path / "logs", registry=installed(), options=RunOptions()
    )


def events_until(executor: object, wanted: type[Event], seconds: float = 60.0) -> Event:
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        for event in executor.events(0.2):  # type: ignore[attr-defined]
            if isinstance(event, wanted):
                return event
    raise AssertionError(f"no {wanted.__name__} in {seconds:g} s")


def test_a_job_that_is_cancelled_loses_its_trial_and_is_handed_in_again(site: Path, tmp_path: Path) -> None:
    from bench_slurm.cluster import SlurmExecutor

    executor = SlurmExecutor(settings(tmp_path))
    try:
        begin = time.monotonic()
        while not executor.free and time.monotonic() < begin + 60:
            executor.events(0.2)
        job = Job("trial-0000", spec=None, data=None)  # type: ignore[arg-type]
        executor._slots[0].handed_in.cancel()
        executor.submit(job)
        lost = events_until(executor, Lost)
        assert isinstance(lost, Lost) and lost.job is job and "ended as" in lost.reason
        assert executor._handed_in == 2 and not executor.free
    finally:
        executor.close(now=True)


def test_jobs_that_never_get_ready_are_said(site: Path, tmp_path: Path) -> None:
    from bench_slurm.cluster import SlurmExecutor

    executor = SlurmExecutor(settings(tmp_path))
    (executor._folder / "settings.pkl").unlink()
    try:
        with pytest.raises(BenchError, match=r"no job of SLURM gets ready, job \d+ .* ended as \w+: see .*/jobs"):
            events_until(executor, Lost)
    finally:
        executor.close(now=True)


def test_an_executor_that_nobody_brings(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "pets", 4)
    done = run("run", "--dataset", f"folder:{audio}", "--executor", "lsf")
    refusal(done, "--executor lsf: ", "(see: bench list executors)", code=2)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("no_such_module:start", "cannot be started: ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:loads", "cannot be started: TypeError"),
        ("builtins:repr", "gives a str without free"),
    ],
)
def test_an_executor_that_is_none_is_said(start: str, words: str, tmp_path: Path) -> None:
    from bench.executors.starting import start_executor
    from bench.plugins import ExecutorPlugin

    with pytest.raises(BenchError, match=f"executor mine.*{words}"):
        start_executor(ExecutorPlugin(name="mine", summary="Mine.", start=start), settings(tmp_path))

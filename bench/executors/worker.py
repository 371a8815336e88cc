"""A worker process: lives through the study, holds torch and the data, runs one job after another.

It needs torch, the audio libraries and the plugins, and neither Optuna nor MLflow.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bench.errors import BenchError, one_line
from bench.executors.jobs import Job, Notice
from bench.trial import Epoch, TrialOutcome, TrialResult

if TYPE_CHECKING:
    from bench.training.compiled import Compiler
    from bench.training.device_clips import DataOnDevice


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told at its start."""

    device: str
    """`cpu` or `cuda`."""
    visible_gpu: str | None
    """CUDA_VISIBLE_DEVICES of this worker; None leaves it as it is."""
    threads: int
    log: Path
    """What the worker and its plugins print goes here rather than across the head's terminal."""
    spare_cores: bool = False
    """Whether as many cores as it has threads have nothing else to do: batches are then made ahead."""


class Ready:
    """A worker's first message: it has imported what it needs."""


class StopJob:
    """The head's word to a worker to stop the running job after its current epoch."""


@dataclass(frozen=True)
class DataGone:
    """A worker's word that the decoded audio is no longer there: no configuration would run."""

    reason: str


def main(connection: Connection, settings: WorkerSettings) -> None:
    """The worker's whole life; ends when the head closes the connection or dies."""
    _detach_from_terminal(settings.log)
    threading.Thread(target=_end_with_the_head, daemon=True).start()
    # Before torch is imported: it reads these once.
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(settings.threads)
    if settings.visible_gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.visible_gpu
    import sklearn.metrics  # noqa: F401  # with torch._dynamo: the first job would wait for them
    import torch
    import torch._dynamo

    from bench.plugins.registry import installed
    from bench.training.compiled import Compiler
    from bench.trial.run_trial import TimedOut

    torch.set_num_threads(settings.threads)
    installed()
    # Modules stay: a collection after every job, and one at the end, need not look through them.
    gc.collect()
    gc.freeze()
    job_is_running = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if job_is_running:
            raise TimedOut("no progress within the time limit")

    signal.signal(signal.SIGINT, interrupt)
    connection.send(Ready())
    data: DataOnDevice | None = None
    compiler = Compiler(lambda line: connection.send(Notice(line)))
    while True:
        try:
            message = connection.recv()
        except EOFError:
            gc.freeze()
            return
        if not isinstance(message, Job):
            continue  # a StopJob that came too late
        data = _data_for(message, data, settings)
        job_is_running = True
        try:
            outcome = _run(connection, message, data, compiler)
        except TimedOut as error:
            outcome = TrialOutcome(TrialResult(status="timed-out", reason=str(error)))
        finally:
            job_is_running = False
        missing = _missing_data(message) if outcome.result.status == "failed" else None
        connection.send(outcome if missing is None else DataGone(missing))
        del outcome
        _release_memory()
        if settings.device == "cuda" and _gpu_is_lost():
            return  # the head starts another worker, with a context of its own


def _data_for(job: Job, held: DataOnDevice | None, settings: WorkerSettings) -> DataOnDevice:
    """The job's data: those already held, unless the job brings other ones."""
    import torch

    from bench.training.device_clips import DataOnDevice

    if held is not None and held.prepared == job.data:
        return held
    return DataOnDevice(job.data, torch.device(settings.device), spare_cores=settings.spare_cores)


def _run(connection: Connection, job: Job, data: DataOnDevice, compiler: Compiler) -> TrialOutcome:
    from bench.trial.run_trial import TimedOut, run_trial

    def report(epoch: Epoch) -> bool:
        connection.send(epoch)
        return not _asked_to_stop(connection)

    try:
        return run_trial(
            job.spec, data, report, test=job.test, budget=job.budget, compiler=compiler if job.compile else None
        )
    except TimedOut:
        raise
    except Exception as error:  # the worker outlives whatever a job does
        return TrialOutcome(
            TrialResult(
                status="failed", reason=f"{type(error).__name__}: {one_line(error)}", traceback=traceback.format_exc()
            )
        )


def _missing_data(job: Job) -> str | None:
    """What is wrong with the decoded audio of a job that failed, so that no plugin is blamed for it."""
    from bench.data.preparation import load_split

    try:
        for rate in job.data.caches:
            for split in job.data.splits:
                load_split(job.data, split, sample_rate=rate)
    except BenchError as error:
        return str(error)
    return None


def _release_memory() -> None:
    """Hands what a job has left back to the system: glibc keeps it during a job, see `bench.executors.local.ALLOCATOR`, and
    the next job's peak is to be its own."""
    gc.collect()
    with suppress(AttributeError, OSError):  # where the C library is another
        ctypes.CDLL(None).malloc_trim(0)


def _gpu_is_lost() -> bool:
    """Frees what a job has left on the card. After an assertion failed on it, every later call in this process fails."""
    import torch

    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        return True
    return False


def _asked_to_stop(connection: Connection) -> bool:
    return connection.poll() and isinstance(connection.recv(), StopJob)


def _detach_from_terminal(log: Path) -> None:
    """A group of its own, so that Ctrl-C reaches the head alone; output to the log."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _end_with_the_head() -> None:
    """No worker outlives its head, however the head died."""
    head = multiprocessing.parent_process()
    if head is not None:
        head.join()
        os._exit(1)

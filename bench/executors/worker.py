"""A worker process: lives through the study, holds torch and the data, runs one job after another.

It needs torch, the audio libraries and the plugins, and neither Optuna nor MLflow.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType

from bench.errors import BenchError
from bench.executors.jobs import Job, Notice
from bench.plugins.registry import PluginSource
from bench.trial import Epoch, TrialOutcome, TrialResult
from bench.trial.trial_records import TimedOut


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told at its start."""

    plugins: PluginSource
    device: str
    """`cpu` or `cuda`."""
    threads: int
    spare_cores: bool = False
    """Whether as many cores as it has threads have nothing else to do: batches are then prefetched."""


class Ready:
    """The first message of a worker, which has imported what it needs."""


class StopJob:
    """Tells a worker to stop the running job after its current epoch."""


class Close:
    """Tells a worker to end."""


@dataclass(frozen=True)
class DataGone:
    """Tells the executor that the decoded audio is no longer there, without which no configuration would run."""

    reason: str


def imports() -> None:
    """Imports what every job needs, or would wait for."""
    for module in ("sklearn.metrics", "torch._dynamo", "bench.executors.job_runner", "bench.trial.run_trial"):
        importlib.import_module(module)


def main(connection: Connection, settings: WorkerSettings) -> None:
    """Runs the jobs that arrive, until it is told to end. The function of a child process."""
    # The thousands of modules all stay: looking through them again and again as they come takes a third of the start.
    gc.disable()
    imports()
    import torch

    from bench.executors.job_runner import JobRunner
    from bench.trial.run_trial import complete_trial

    torch.set_num_threads(settings.threads)
    runner = JobRunner(
        registry=settings.plugins.load(),
        device=settings.device,
        spare_cores=settings.spare_cores,
        note=lambda line: connection.send(Notice(line)),
    )
    # Nor does a collection after every job, or one at the end, look through them.
    gc.freeze()
    gc.enable()
    job_is_running = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if job_is_running:
            raise TimedOut("no progress within the time limit")

    def report(epoch: Epoch) -> bool:
        connection.send(epoch)
        return not _asked_to_stop(connection)

    signal.signal(signal.SIGINT, interrupt)
    connection.send(Ready())
    while not isinstance(message := connection.recv(), Close):
        if not isinstance(message, Job):
            continue  # a StopJob that came too late
        answer: TrialOutcome | DataGone
        job_is_running = True
        try:
            answer = complete_trial(runner.run(message), report)
        except TimedOut as error:
            answer = TrialOutcome(TrialResult(status="timed-out", reason=str(error)))
        except BenchError as error:
            answer = DataGone(str(error))
        finally:
            job_is_running = False
        connection.send(answer)
        del answer, message
        _release_memory()
        if settings.device == "cuda" and _gpu_is_lost():
            return  # Another worker takes its slot, with a context of its own.
    gc.freeze()


def _asked_to_stop(connection: Connection) -> bool:
    if not connection.poll():
        return False
    message = connection.recv()
    if isinstance(message, Close):
        sys.exit()
    return isinstance(message, StopJob)


def _release_memory() -> None:
    """Hands what a job has left back to the system: glibc keeps it during a job, see `bench.executors.local.ALLOCATOR`, and
    the next job's peak is to be its own."""
    gc.collect()
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _gpu_is_lost() -> bool:
    """Frees what a job has left on the GPU. After an assertion failed on it, every later call in this process fails."""
    import torch

    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        return True
    return False

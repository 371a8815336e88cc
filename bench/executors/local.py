"""Runs trials on this machine: one child process per slot, each with its share of the cores and GPUs."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, cast

from bench.child_process import ChildProcess
from bench.child_template import TEMPLATES_WORK, CopiedProcess
from bench.cores import has_spare_cores, threads_per_worker
from bench.errors import BenchError
from bench.executors import worker
from bench.executors.gpus import gpu_of_each, visible_gpus
from bench.executors.jobs import EpochDone, Event, ExecutorSettings, Finished, Job, Lost, Notice
from bench.files import cannot_write
from bench.plugins.registry import Registry
from bench.trial import Epoch, TrialOutcome, TrialResult

WORKER = "bench.executors.worker:main"
"""Function of a worker process."""
WORKER_IMPORTS = "bench.executors.worker:imports"
"""Function that imports what a worker needs."""

GRACE_SECONDS = 10.0
"""Between interrupting, terminating and killing a worker whose job makes no progress."""
START_SECONDS = 300.0
"""Time that a worker has to import what it needs and find its device, before it is killed."""
STARTS = 3
"""A worker that dies this many times in a row before it is ready will not be started again."""
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_MAX_": "0"}
"""Environment of a worker: glibc keeps the memory of freed tensors instead of handing it back and asking for it again in
every step. Measured on a CPU, an epoch takes 6 to 25 % less time, and 5 to 10 % more memory."""

HINTS = {
    "SIGKILL": "; the system may have been out of memory",
    "SIGBUS": "; a file it reads may have been cut short, or its disk be full",
}
"""What may be the cause of a signal that ends a worker."""


@dataclass
class _Slot:
    """Room for one worker, and what that is doing."""

    settings: worker.WorkerSettings
    environment: Mapping[str, str]
    log: Path
    """File that takes what the worker and its plugins print, which would else garble the terminal."""
    child: ChildProcess | None = None
    ready: bool = False
    failed_starts: int = 0
    job: Job | None = None
    last_progress: float = 0.0
    signals: list[int] = field(default_factory=list)
    """Signals that were sent to a worker whose job has passed its time limit, in order."""


def start(settings: ExecutorSettings) -> LocalExecutor:
    """The executor `local` of a study."""
    return LocalExecutor(
        workers=settings.workers,
        device=settings.device,
        log_folder=settings.log_folder,
        registry=settings.registry,
        time_limit=settings.options.trial_timeout,
        threads=settings.options.threads,
    )


class LocalExecutor:
    """An executor with a process for each slot. See `bench.executors.jobs.Executor`."""

    in_process: bool = False

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        log_folder: Path,
        registry: Registry,
        time_limit: float | None = None,
        threads: int | None = None,
    ) -> None:
        """Starts the worker processes.

        Args:
            workers: Number of processes.
            device: Device that trains, `cpu` or `cuda`.
            log_folder: Folder of what the workers print.
            registry: Plugins that jobs name; the workers get the same.
            time_limit: Seconds that a job may go without finishing an epoch.
            threads: Number of torch threads of a worker; its share of the cores unless given.

        Raises:
            BenchError: If `log_folder` cannot be made, or a plugin cannot be sent to another process.
        """
        self._time_limit = time_limit
        plugins = registry.portable()
        gpus = visible_gpus() if device == "cuda" else ()
        threads = threads if threads is not None else threads_per_worker(workers)
        spare_cores = device == "cpu" and has_spare_cores(workers=workers, threads=threads)
        try:
            log_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(log_folder, error) from error
        self._events: deque[Event] = deque()
        """What has happened and was not asked for yet."""
        self._slots = [
            _Slot(
                worker.WorkerSettings(plugins=plugins, device=device, threads=threads, spare_cores=spare_cores),
                environment=_environment(threads, gpu),
                log=log_folder / f"worker-{number}.log",
            )
            for number, gpu in enumerate(gpu_of_each(workers, gpus))
        ]
        for slot in self._slots:
            self._start(slot)

    @property
    def free(self) -> int:
        return sum(slot.job is None and slot.ready for slot in self._slots)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers that run."""
        return [slot.child.pid for slot in self._slots if slot.child is not None]

    def submit(self, job: Job) -> None:
        slot = next(slot for slot in self._slots if slot.job is None and slot.ready)
        slot.job = job
        slot.last_progress = time.monotonic()
        slot.signals = []
        with suppress(OSError):  # It died while idle: `events` will find it dead and report the job as lost.
            _child(slot).connection.send(job)

    def stop(self, job: Job) -> None:
        for slot in self._slots:
            if slot.job is job and slot.child is not None:
                with suppress(OSError):
                    slot.child.connection.send(worker.StopJob())

    def events(self, timeout: float) -> list[Event]:
        connections = {slot.child.connection: slot for slot in self._slots if slot.child is not None}
        for connection in wait(list(connections), 0.0 if self._events else timeout):
            for event in self._receive(connections[cast("Connection", connection)]):
                self._events.append(event)
        for slot in self._slots:
            self._enforce_time_limit(slot)
        events = list(self._events)
        self._events.clear()
        return events

    def close(self, *, now: bool = False) -> None:
        children = [slot.child for slot in self._slots if slot.child is not None]
        if not now:
            for child in children:
                with suppress(OSError):
                    child.connection.send(worker.Close())
            for child in children:
                child.wait(GRACE_SECONDS)
        for child in children:
            child.end()
        for slot in self._slots:
            slot.child, slot.ready = None, False

    def _start(self, slot: _Slot) -> None:
        try:
            with slot.log.open("ab") as log:
                slot.child = _start_worker(slot.settings, slot.environment, log)
        except OSError as error:
            raise cannot_write(slot.log, error) from error
        slot.ready = False
        slot.last_progress = time.monotonic()

    def _receive(self, slot: _Slot) -> Iterator[Event]:
        """Events of one worker that has something to say, be it that it is dead."""
        try:
            message = _child(slot).connection.recv()
        except Exception:  # A worker killed while it wrote leaves half a message: any error means that it is gone.
            yield from self._replace(slot)
            return
        slot.last_progress = time.monotonic()
        slot.signals = []
        if isinstance(message, worker.Ready):
            slot.ready, slot.failed_starts = True, 0
        elif isinstance(message, Epoch) and slot.job is not None:
            yield EpochDone(slot.job, message)
        elif isinstance(message, TrialOutcome) and slot.job is not None:
            job, slot.job = slot.job, None
            yield Finished(job, message)
        elif isinstance(message, Notice):
            yield message
        elif isinstance(message, worker.DataGone):
            raise BenchError(message.reason)

    def _replace(self, slot: _Slot) -> Iterator[Event]:
        """Starts another worker in the slot of a dead one, and says what became of its job."""
        child, slot.child = _child(slot), None
        child.wait(GRACE_SECONDS)
        child.end()  # It may have said something that cannot be read, and would wait for an answer for ever.
        reason = _cause_of_death(child.exit_code)
        if not slot.ready:
            slot.failed_starts += 1
            if slot.failed_starts >= STARTS:
                # What a template says stands in the log of the worker that it was started for.
                log = next((one.log for one in self._slots if one.log.stat().st_size), slot.log)
                raise BenchError(f"a worker cannot be started ({reason}): see {log}")
        job, slot.job = slot.job, None
        self._start(slot)
        if job is None:
            return
        if slot.signals:
            result = TrialResult(status="timed-out", reason=f"no progress within {self._time_limit:g} s; {reason}")
            yield Finished(job, TrialOutcome(result))
        else:
            yield Lost(job, reason)

    def _enforce_time_limit(self, slot: _Slot) -> None:
        """Interrupt, then terminate, then kill, a grace apart; a worker that does not get ready is killed."""
        if slot.child is None:
            return
        waited = time.monotonic() - slot.last_progress
        if not slot.ready and waited > START_SECONDS:
            slot.child.signal(signal.SIGKILL)
        if self._time_limit is None or slot.job is None:
            return
        overdue = waited - self._time_limit
        escalation = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        sent = len(slot.signals)
        if sent < len(escalation) and overdue > sent * GRACE_SECONDS:
            slot.signals.append(escalation[sent])
            slot.child.signal(escalation[sent])


def _child(slot: _Slot) -> ChildProcess:
    """The worker of a slot that has one."""
    if slot.child is None:
        raise RuntimeError("a slot without a worker was used")
    return slot.child


def _start_worker(settings: worker.WorkerSettings, environment: Mapping[str, str], log: IO[bytes]) -> ChildProcess:
    """Starts a worker: on a CPU as a copy of a process that has its imports, on a GPU, which no copy could open, afresh."""
    if settings.device == "cpu" and TEMPLATES_WORK:
        return CopiedProcess(WORKER, settings, imports=WORKER_IMPORTS, environment=environment, output=log)
    return ChildProcess(WORKER, settings, environment=environment, output=log)


def _environment(threads: int, gpu: str | None) -> dict[str, str]:
    """Variables of a worker, some of which libraries read when they are imported. What the user has set of the allocator
    stays."""
    number = str(threads)
    environment = {**ALLOCATOR, **os.environ, "OMP_NUM_THREADS": number, "TORCHINDUCTOR_COMPILE_THREADS": number}
    return environment if gpu is None else {**environment, "CUDA_VISIBLE_DEVICES": gpu}


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"its worker was killed by {name}{HINTS.get(name, '')}"
    return f"its worker ended with exit code {exit_code}"

"""Runs trials on this machine: one spawned process per slot, each with its share of the cores and gpus."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from bench.cores import has_spare_cores, threads_per_worker
from bench.errors import BenchError
from bench.executors import worker
from bench.executors.gpus import gpu_of_each, visible_gpus
from bench.executors.jobs import EpochDone, Event, Finished, Job, Lost, Notice
from bench.files import cannot_write
from bench.trial import Epoch, TrialOutcome, TrialResult

GRACE_SECONDS = 10.0
"""Between interrupting, terminating and killing a worker whose job makes no progress."""
START_SECONDS = 300.0
"""For a worker to import what it needs and find its device; then it is killed."""
STARTS = 3
"""A worker that dies this many times in a row before it is ready will not be started again."""
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_MAX_": "0"}
"""Environment of a worker: glibc keeps the memory of freed tensors instead of handing it back and asking for it again in
every step. Measured on a CPU, an epoch takes 6 to 25 % less time, and 5 to 10 % more memory."""

HINTS = {
    "SIGKILL": "; the system may have been out of memory",
    "SIGBUS": "; a file it reads may have been cut short, or its disk be full",
}
"""What may be behind a signal that ends a worker."""


@dataclass
class _Slot:
    """A place for one worker, and what it is doing."""

    settings: worker.WorkerSettings
    process: SpawnProcess | None = None
    connection: Connection | None = None
    ready: bool = False
    failed_starts: int = 0
    job: Job | None = None
    last_progress: float = 0.0
    signals: list[int] = field(default_factory=list)
    """Sent to a worker whose job has passed its time limit, in order."""


class LocalExecutor:
    """See `bench.executors.jobs.Executor`."""

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        log_folder: Path,
        time_limit: float | None = None,
        threads: int | None = None,
    ) -> None:
        """Starts `workers` processes. `time_limit`: seconds that a job may go without finishing an epoch.

        Raises BenchError where `log_folder` cannot be made.
        """
        self._time_limit = time_limit
        self._context = multiprocessing.get_context("spawn")
        gpus = visible_gpus() if device == "cuda" else ()
        threads = threads if threads is not None else threads_per_worker(workers)
        try:
            log_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(log_folder, error) from error
        self._slots = [
            _Slot(
                worker.WorkerSettings(
                    device=device,
                    visible_gpu=card,
                    threads=threads,
                    log=log_folder / f"worker-{number}.log",
                    spare_cores=device == "cpu" and has_spare_cores(workers=workers, threads=threads),
                )
            )
            for number, card in enumerate(gpu_of_each(workers, gpus))
        ]
        for slot in self._slots:
            self._start(slot)

    @property
    def free(self) -> int:
        return sum(slot.job is None and slot.ready for slot in self._slots)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers that run."""
        return [slot.process.pid for slot in self._slots if slot.process is not None and slot.process.pid is not None]

    def submit(self, job: Job) -> None:
        slot = next(slot for slot in self._slots if slot.job is None and slot.ready)
        slot.job = job
        slot.last_progress = time.monotonic()
        slot.signals = []
        assert slot.connection is not None
        with suppress(OSError):  # it died while idle: `events` will find it dead and report the job as lost
            slot.connection.send(job)

    def stop(self, job: Job) -> None:
        for slot in self._slots:
            if slot.job is job and slot.connection is not None:
                with suppress(OSError):
                    slot.connection.send(worker.StopJob())

    def events(self, timeout: float) -> list[Event]:
        connections = {slot.connection: slot for slot in self._slots if slot.connection is not None}
        events: list[Event] = []
        for connection in wait(list(connections), timeout):
            assert isinstance(connection, Connection)
            events += self._receive(connections[connection])
        for slot in self._slots:
            self._enforce_time_limit(slot)
        return events

    def close(self, *, now: bool = False) -> None:
        for slot in self._slots:
            if slot.connection is not None:
                slot.connection.close()
            if now and slot.process is not None:
                slot.process.kill()
        for slot in self._slots:
            if slot.process is not None:
                slot.process.join(None if now else GRACE_SECONDS)
                slot.process.kill()
                slot.process.join()
            slot.process = slot.connection = None

    def _start(self, slot: _Slot) -> None:
        slot.connection, theirs = self._context.Pipe()
        slot.process = self._context.Process(target=worker.main, args=(theirs, slot.settings), daemon=True)
        with _environment(ALLOCATOR):
            slot.process.start()
        theirs.close()
        slot.ready = False
        slot.last_progress = time.monotonic()

    def _receive(self, slot: _Slot) -> Iterator[Event]:
        """Events of one worker that has something to say, be it that it is dead."""
        assert slot.connection is not None
        try:
            message = slot.connection.recv()
        except Exception:  # a worker killed while it wrote leaves half a message: any error means that it is gone
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
        """Fills the place of a dead worker, and says what became of its job."""
        assert slot.process is not None and slot.connection is not None
        slot.connection.close()
        slot.process.join(GRACE_SECONDS)
        if slot.process.is_alive():  # it said something that cannot be read, and would wait for an answer for ever
            slot.process.kill()
            slot.process.join()
        reason = _cause_of_death(slot.process.exitcode)
        if not slot.ready:
            slot.failed_starts += 1
            if slot.failed_starts >= STARTS:
                raise BenchError(f"a worker cannot be started ({reason}): see {slot.settings.log}")
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
        if slot.process is None or slot.process.pid is None:
            return
        waited = time.monotonic() - slot.last_progress
        if not slot.ready and waited > START_SECONDS:
            slot.process.kill()
        if self._time_limit is None or slot.job is None:
            return
        overdue = waited - self._time_limit
        escalation = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        sent = len(slot.signals)
        if sent < len(escalation) and overdue > sent * GRACE_SECONDS:
            slot.signals.append(escalation[sent])
            os.kill(slot.process.pid, escalation[sent])


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables that a process reads at its start, where the user has not set them, while one is started."""
    unset = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in unset})
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"its worker was killed by {name}{HINTS.get(name, '')}"
    return f"its worker ended with exit code {exit_code}"

"""Runs trials as jobs of a SLURM cluster, by submitit: a job for each worker. See `bench.executors.jobs.Executor`."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import dataclass, replace
from typing import Any

from bench.executors.jobs import Event, ExecutorSettings, Finished, Job, Lost, Notice
from bench.executors.node import NeedsData, NodeInfo, NodeSettings, different_software, software
from bench.plugins import BenchError
from bench_slurm.job import ENDS, STOPS, serve
from bench_slurm.mailbox import Heartbeat, Mailbox

POLL_SECONDS = 0.2
STARTS = 3
"""Jobs that may end in a row before one is ready."""
END_SECONDS = 15.0
"""Time that jobs have to end by themselves before they are cancelled."""
MINUTES = 24 * 60
"""Time limit of a job, unless SBATCH_TIMELIMIT says another."""


@dataclass
class _Slot:
    """Room for one trial: a job of SLURM, and what it is doing."""

    handed_in: Any
    orders: Mailbox
    replies: Mailbox
    info: NodeInfo | None = None
    job: Job | None = None


def start(settings: ExecutorSettings) -> SlurmExecutor:
    """The executor `slurm` of a study."""
    return SlurmExecutor(settings)


class SlurmExecutor:
    """An executor with a job of SLURM for each slot."""

    in_process: bool = False

    def __init__(self, settings: ExecutorSettings) -> None:
        """Hands in the jobs. They take trials as the cluster finds room for them.

        Raises:
            BenchError: If submitit is missing, or the cluster refuses a job.
        """
        options = settings.options
        self._folder = settings.log_folder.resolve() / "slurm" / f"{time.time_ns():x}"
        self._folder.mkdir(parents=True)
        self._software = software(settings.registry)
        node = NodeSettings(
            plugins=settings.registry.portable(),
            device=settings.device,
            threads=max(1, int(options.cpus_per_trial)),
            time_limit=options.trial_timeout,
            log_folder=settings.log_folder.resolve(),
        )
        (self._folder / "settings.pkl").write_bytes(pickle.dumps(node))
        self._alive = Heartbeat(self._folder / "alive")
        self._alive.beat()
        self._submitter = self._cluster(options.cpus_per_trial, options.gpus_per_trial)
        self._handed_in = 0
        self._failed_starts = 0
        self._slots = [self._new_slot() for _ in range(settings.workers)]

    @property
    def free(self) -> int:
        return sum(slot.info is not None and slot.job is None for slot in self._slots)

    def submit(self, job: Job) -> None:
        slot = next(slot for slot in self._slots if slot.info is not None and slot.job is None)
        slot.job = job
        slot.orders.send(job)

    def stop(self, job: Job) -> None:
        for slot in self._slots:
            if slot.job is job:
                slot.orders.send(STOPS)

    def events(self, timeout: float) -> list[Event]:
        deadline = time.monotonic() + timeout
        while True:
            self._alive.beat()
            events = [event for number in range(len(self._slots)) for event in self._events_of(number)]
            if events or time.monotonic() >= deadline:
                return events
            time.sleep(POLL_SECONDS)

    def close(self, *, now: bool = False) -> None:
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.orders.send(ENDS)
        deadline = time.monotonic() + (0.0 if now else END_SECONDS)
        while time.monotonic() < deadline and not all(slot.handed_in.done() for slot in slots):
            time.sleep(POLL_SECONDS)
        for slot in slots:
            if not slot.handed_in.done():
                slot.handed_in.cancel()

    def _cluster(self, cpus: float, gpus: float) -> Any:
        try:
            import submitit
        except ImportError:
            raise BenchError("--executor slurm needs submitit: pip install submitit") from None
        submitter = submitit.AutoExecutor(folder=self._folder / "jobs")
        submitter.update_parameters(
            name="bench", timeout_min=MINUTES, cpus_per_task=math.ceil(cpus), gpus_per_node=math.ceil(gpus)
        )
        return submitter

    def _new_slot(self) -> _Slot:
        folder = self._folder / f"slot-{self._handed_in}"
        self._handed_in += 1
        orders, replies = Mailbox(folder / "orders"), Mailbox(folder / "replies")
        try:
            return _Slot(self._submitter.submit(serve, str(folder)), orders, replies)
        except Exception as error:  # what sbatch says, in an exception of submitit's own
            raise BenchError(f"a job cannot be handed in to SLURM: {' '.join(str(error).split())[:300]}") from error

    def _events_of(self, number: int) -> list[Event]:
        """What the job of a slot has said, be it that it has ended."""
        slot, events = self._slots[number], list[Event]()
        ended = slot.handed_in.done()  # asked first: what it has sent before that is then read
        for message in slot.replies.received():
            if isinstance(message, NodeInfo):
                self._welcome(slot, message)
            elif isinstance(message, NeedsData):
                raise BenchError(
                    f"{_name(slot)} does not see {message.folders[0]}: put the cache folder where all nodes have it, "
                    "with BENCH_CACHE_DIR"
                )
            elif isinstance(message, Notice):
                events.append(message)
            elif slot.job is not None:
                events.append(replace(message, job=slot.job))  # the very job that was submitted
                if isinstance(message, Finished | Lost):
                    slot.job = None
        return events + self._replaced(number) if ended else events

    def _welcome(self, slot: _Slot, info: NodeInfo) -> None:
        if difference := different_software(info, self._software):
            raise BenchError(difference)
        slot.info, self._failed_starts = info, 0

    def _replaced(self, number: int) -> list[Event]:
        """Hands in another job for one that has ended unasked, and says what became of its trial."""
        slot = self._slots[number]
        reason = f"job {slot.handed_in.job_id} on {_name(slot)} ended as {slot.handed_in.state}"
        if slot.info is None:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise BenchError(f"no job of SLURM gets ready, {reason}: see {self._folder / 'jobs'}")
        self._slots[number] = self._new_slot()
        return [] if slot.job is None else [Lost(slot.job, reason)]


def _name(slot: _Slot) -> str:
    return "a node that is not known" if slot.info is None else f"node {slot.info.name}"

"""What fills one slot of a cluster's executor on a node: a local executor with one worker, and its events.

It knows nothing of the cluster's engine, which calls it from two threads, one that waits for `events` and one that
gives orders.
"""

from __future__ import annotations

import os
import platform
import queue
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.offline_augmentation import augmented_copies_folder
from bench.executors.jobs import EpochDone, Event, Finished, Job, Lost, Notice
from bench.executors.local import LocalExecutor
from bench.plugins.registry import PluginSource, Registry
from bench.version import VERSION

WAKE_SECONDS = 0.02
"""Between two looks for orders: how long a job waits at most before it starts."""
CLOSE_SECONDS = 5.0
"""Time that a worker process has to end when the slot is closed; it ends with this process in any case."""
NODE_CACHE = "BENCH_NODE_CACHE"
"""Variable that names a folder of the node for decoded audio; nodes that have it read nothing from shared folders."""


@dataclass(frozen=True)
class NodeSettings:
    """What a node's side of a slot is told when it is made."""

    plugins: PluginSource
    device: str
    threads: int
    time_limit: float | None
    log_folder: Path


@dataclass(frozen=True)
class NodeInfo:
    """What is checked before a node gets work."""

    name: str
    versions: dict[str, str]


@dataclass(frozen=True)
class NeedsData:
    """The node does not have these folders of a job, and waits for them before it starts the job."""

    folders: tuple[Path, ...]


Message = Event | NeedsData


def software(registry: Registry) -> dict[str, str]:
    """Versions of what has to be the same on every node for a number to mean the same."""
    from importlib.metadata import version

    python = platform.python_version()
    return {"python": python, "bench": VERSION, "torch": version("torch"), **registry.versions()}


def different_software(info: NodeInfo, ours: Mapping[str, str]) -> str:
    """In which software a node is not like this machine, if in any: its numbers would be of something else."""
    for name, version in ours.items():
        theirs = info.versions.get(name)
        if theirs != version:
            return (
                f"node {info.name} has {name} {theirs or 'not installed'}, and this machine has {version}: "
                f"install {name} {version} there"
            )
    unknown = sorted(info.versions.keys() - ours.keys())
    if unknown:
        return f"node {info.name} has the plugins {', '.join(unknown)}, and this machine has not: install them"
    return ""


class NodeWorker:
    """Room for one job on this node."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._registry = settings.plugins.load()
        self._orders: queue.SimpleQueue[Callable[[LocalExecutor], None]] = queue.SimpleQueue()
        self._executor: LocalExecutor | None = None
        self._asked: Job | None = None
        """The job as it was submitted, until it starts."""
        self._asked_for: tuple[Path, ...] = ()
        """Folders of it that the scheduler's side was told to send."""
        self._running: tuple[Job, Job] | None = None
        """The job as it was submitted, and the same with this node's paths."""

    def hello(self) -> NodeInfo:
        """Says who is here. The worker process is started by the first call of `events`."""
        return NodeInfo(socket.gethostname(), software(self._registry))

    def submit(self, job: Job) -> None:
        """An order: run this job."""
        self._orders.put(lambda executor: setattr(self, "_asked", job))

    def stop(self) -> None:
        """An order: end the running job after its epoch."""
        self._orders.put(lambda executor: executor.stop(self._running[1]) if self._running else None)

    def receive(self, folder: Path, names: Sequence[str], *contents: NDArray[np.uint8]) -> None:
        """Writes a folder of a job to this node, whole or not at all. `contents` are those of its files, uint8 [bytes]."""
        from bench.data.folders import building

        copy = node_folder(folder)
        if not copy.is_dir():  # another slot of this node may have been quicker
            with building(copy) as made:
                made.mkdir()
                for name, content in zip(names, contents, strict=True):
                    content.tofile(made / name)

    def events(self, timeout: float) -> list[Message]:
        """Returns what happened, waiting up to `timeout` seconds for it. The first call starts the worker."""
        executor = self._started()
        begin = time.monotonic()
        messages: list[Message] = []
        while not messages and time.monotonic() < begin + timeout:
            self._obey(executor)
            messages += self._start(executor)
            messages += [self._as_asked(event) for event in executor.events(WAKE_SECONDS)]
        return messages

    def close(self) -> None:
        """An order: end the worker process at once. Waits until it is obeyed."""
        if self._executor is None:
            return
        ended = threading.Event()

        def order(executor: LocalExecutor) -> None:
            executor.close(now=True)
            ended.set()

        self._orders.put(order)
        ended.wait(CLOSE_SECONDS)

    def _started(self) -> LocalExecutor:
        if self._executor is None:
            self._executor = LocalExecutor(
                workers=1,
                device=self._settings.device,
                log_folder=_writable(self._settings.log_folder),
                registry=self._registry,
                time_limit=self._settings.time_limit,
                threads=self._settings.threads,
            )
        return self._executor

    def _obey(self, executor: LocalExecutor) -> None:
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return
            order(executor)

    def _start(self, executor: LocalExecutor) -> list[Message]:
        """Starts the submitted job as soon as its data are here and its worker is ready; asks for data once."""
        job = self._asked
        if job is None or not executor.free:
            return []
        missing = tuple(folder for folder in needed(job, self._registry) if not here(folder).is_dir())
        if missing:
            if missing == self._asked_for:
                return []
            self._asked_for = missing
            return [NeedsData(missing)]
        caches = {rate: here(folder) for rate, folder in job.data.caches.items()}
        local = replace(job, data=job.data.model_copy(update={"caches": caches}))
        self._asked, self._asked_for, self._running = None, (), (job, local)
        executor.submit(local)
        return []

    def _as_asked(self, event: Event) -> Event:
        """The event, with the job as it was submitted."""
        if isinstance(event, Notice) or self._running is None:
            return event
        job = self._running[0]
        match event:
            case EpochDone(epoch=epoch):
                return EpochDone(job, epoch)
            case Finished(outcome=outcome):
                self._running = None
                return Finished(job, outcome)
            case Lost(reason=reason):
                self._running = None
                return Lost(job, f"{reason}, on {socket.gethostname()}")


def needed(job: Job, registry: Registry) -> tuple[Path, ...]:
    """The folders that a job reads: the decoded audio, and the augmented copies if it trains on them."""
    folders = tuple(job.data.caches.values())
    if job.spec.training.offline_copies:
        rate = registry.feature(job.spec.feature).sample_rate
        folders += (augmented_copies_folder(job.data, job.spec.training, rate),)
    return folders


def node_folder(folder: Path) -> Path:
    """The folder of this node that holds what was sent to it of a folder of a job."""
    from bench.files import cache_directory

    own = os.environ.get(NODE_CACHE)
    return (Path(own) if own else cache_directory() / "nodes") / folder.name


def here(folder: Path) -> Path:
    """A folder of a job as this node reads it: the very one if the node sees it, or else a copy of its own."""
    if NODE_CACHE not in os.environ and folder.is_dir():
        return folder
    return node_folder(folder)


def _writable(folder: Path) -> Path:
    """The log folder of the study if this node can write there, and else one of its own."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="bench-logs-"))

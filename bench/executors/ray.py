"""Runs trials on the nodes of a Ray cluster: one actor per slot, which Ray puts where its resources are.

An actor is a `bench.executors.node.NodeWorker`: a local executor of its node, so that time limits, lost workers and logs are
what they are on one machine. Ray does placement, carries messages and data, and tells of nodes that are gone.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.cores import available_cores
from bench.errors import BenchError, one_line
from bench.executors.jobs import Event, ExecutorSettings, Finished, Job, Lost, Notice
from bench.executors.local import STARTS
from bench.executors.node import NeedsData, NodeInfo, NodeSettings, NodeWorker, different_software, software
from bench.plugins.registry import Registry

POLL_SECONDS = 5.0
"""Time for which an actor is asked for events in one call."""
PATIENCE_SECONDS = 30.0
"""Time after which it is said that the cluster has no room for a slot; it is still waited for."""


@dataclass
class _Slot:
    """Room for one worker: an actor, and what it is doing."""

    actor: Any
    answer: Any
    """Reference to what it was asked last: who it is, until it has a node, and then its events."""
    asked: float = field(default_factory=time.monotonic)
    info: NodeInfo | None = None
    job: Job | None = None
    sending: dict[Any, Path] = field(default_factory=dict)
    """References to its receipts of folders that are under way."""


def start(settings: ExecutorSettings) -> RayExecutor:
    """The executor `ray` of a study."""
    options = settings.options
    return RayExecutor(
        workers=settings.workers,
        device=settings.device,
        log_folder=settings.log_folder,
        registry=settings.registry,
        address=options.ray_address,
        cpus_per_trial=options.cpus_per_trial,
        gpus_per_trial=options.gpus_per_trial,
        time_limit=options.trial_timeout,
    )


class RayExecutor:
    """An executor with an actor of a cluster for each slot. See `bench.executors.jobs.Executor`."""

    in_process: bool = False

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        log_folder: Path,
        registry: Registry,
        address: str | None = None,
        cpus_per_trial: float = 1.0,
        gpus_per_trial: float = 0.0,
        time_limit: float | None = None,
    ) -> None:
        """Joins a cluster, or starts one on this machine. Slots that no node has room for now are filled as nodes join.

        Args:
            workers: Number of slots.
            device: Device that trains unless trials reserve GPUs, `cpu` or `cuda`.
            log_folder: Folder of what the workers print, or a folder of their node if they cannot write there.
            registry: Plugins that jobs name; the nodes have to have the same packages, in the same versions.
            address: HOST:PORT of the cluster, or `auto` for the one that this machine is a node of; None starts one.
            cpus_per_trial: Number of CPUs that a trial reserves.
            gpus_per_trial: Number of GPUs that a trial reserves.
            time_limit: Seconds that a job may go without finishing an epoch.

        Raises:
            BenchError: If Ray is not installed, there is no such cluster, no node has what a trial reserves (Ray would wait
                for one for ever), or a plugin cannot be sent to another process.
        """
        plugins = registry.portable()
        self._ray = _connect(address)
        self._resources = {"num_cpus": cpus_per_trial, "num_gpus": gpus_per_trial}
        try:
            _check_resources(self._ray, self._resources)
        except BenchError:
            self._ray.shutdown()
            raise
        self._settings = NodeSettings(
            plugins=plugins,
            device="cuda" if gpus_per_trial else device,
            threads=max(1, int(cpus_per_trial)),
            time_limit=time_limit,
            log_folder=log_folder.resolve(),
        )
        self._software = software(registry)
        self._sent: dict[Path, dict[str, Any]] = {}
        """References to the files of folders that were put into the object store, once for all nodes."""
        self._failed_starts = 0
        """Actors that died in a row before they were ready."""
        self._refused: dict[str, list[Any]] = {}
        """Actors on nodes of other software, by node. They stay, idle, so that Ray puts no other one there."""
        self._waiting_said = False
        self._events: list[Event] = []
        """What has happened and was not asked for yet."""
        self._slots = [self._new_slot() for _ in range(workers)]

    @property
    def free(self) -> int:
        return sum(slot.info is not None and slot.job is None for slot in self._slots)

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes of the slots that are ready, one a slot."""
        return [slot.info.name for slot in self._slots if slot.info is not None]

    def submit(self, job: Job) -> None:
        slot = next(slot for slot in self._slots if slot.info is not None and slot.job is None)
        slot.job = job
        slot.actor.submit.remote(job)

    def stop(self, job: Job) -> None:
        for slot in self._slots:
            if slot.job is job:
                slot.actor.stop.remote()

    def events(self, timeout: float) -> list[Event]:
        waiting = {reference: slot for slot in self._slots for reference in (slot.answer, *slot.sending)}
        ready, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout)
        for reference in ready:
            self._events += self._answered(waiting[reference], reference)
        events, self._events = self._events + self._what_waits(), []
        return events

    def close(self, *, now: bool = False) -> None:
        for slot in self._slots:
            if not now and slot.info is not None:
                self._ray.wait([slot.actor.close.remote()], timeout=10.0)
            self._ray.kill(slot.actor)
        for actor in chain.from_iterable(self._refused.values()):
            self._ray.kill(actor)
        self._slots, self._refused = [], {}
        self._ray.shutdown()

    def _new_slot(self) -> _Slot:
        node_worker = self._ray.remote(
            max_concurrency=2,  # one call waits for events while another gives an order
            scheduling_strategy="SPREAD",
            **self._resources,
        )(_Actor)
        actor = node_worker.remote(self._settings)
        return _Slot(actor, answer=actor.who.remote())

    def _answered(self, slot: _Slot, reference: Any) -> list[Event]:
        """What an actor said, be it that it is gone."""
        if slot not in self._slots:  # it was replaced since
            return []
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            return self._replace(slot, _cause(error))
        except (
            self._ray.exceptions.RayTaskError
        ) as error:  # the local executor of the node gave up, or its disk is full
            folder = slot.sending.get(reference)
            what = f"keep {folder.name}" if folder else "go on"
            raise BenchError(f"a worker on {_name(slot)} cannot {what}: {one_line(error.cause)}") from error
        if slot.sending.pop(reference, None):
            return []
        if slot.info is None:
            return self._welcome(slot, *answer)
        slot.answer = slot.actor.events.remote(POLL_SECONDS)
        events: list[Event] = []
        for message in answer:
            if isinstance(message, NeedsData):
                self._send(slot, message)
            elif isinstance(message, Notice):
                events.append(message)
            elif slot.job is not None:
                # The very job that was submitted, and not the copy of it that came back.
                events.append(replace(message, job=slot.job))
                if isinstance(message, Finished | Lost):
                    slot.job = None
        return events

    def _welcome(self, slot: _Slot, node: str, info: NodeInfo) -> list[Event]:
        """Lets a slot whose actor has a node take jobs; a node of other software gets none.

        Raises BenchError if no other node has what a trial asks for.
        """
        self._failed_starts = 0
        difference = different_software(info, self._software)
        if not difference:
            slot.info = info
            slot.answer = slot.actor.events.remote(POLL_SECONDS)
            return []
        others = {other["NodeID"] for other in _fitting(self._ray, self._resources)} - self._refused.keys() - {node}
        if not others:
            raise BenchError(difference)
        actors = self._refused.setdefault(node, [])
        actors.append(slot.actor)
        self._slots[self._slots.index(slot)] = self._new_slot()
        return [Notice(f"{difference}; it gets no trials")] if len(actors) == 1 else []

    def _send(self, slot: _Slot, message: NeedsData) -> None:
        for folder in message.folders:
            if folder not in self._sent:
                self._sent[folder] = {name: self._ray.put(content) for name, content in _content(folder)}
            files = self._sent[folder]
            receipt = slot.actor.receive.remote(folder, tuple(files), *files.values())
            slot.sending[receipt] = folder

    def _replace(self, slot: _Slot, reason: str) -> list[Event]:
        """Starts another actor in the slot of one that is gone, or cannot be reached and must not come back."""
        if slot.info is None:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise BenchError(f"a worker cannot be started in the cluster: {reason}")
        job, name = slot.job, _name(slot)
        self._ray.kill(slot.actor)
        self._slots[self._slots.index(slot)] = self._new_slot()
        return [] if job is None else [Lost(job, f"{name} was lost: {reason}")]

    def _what_waits(self) -> list[Event]:
        """Says once, while it is so, that slots wait for room."""
        now = time.monotonic()
        waiting = sum(slot.info is None and now > slot.asked + PATIENCE_SECONDS for slot in self._slots)
        said, self._waiting_said = self._waiting_said, waiting > 0
        if said or not waiting:
            return []
        return [Notice(f"the cluster has no room for {waiting} of {len(self._slots)} workers: they start when it has")]


class _Actor(NodeWorker):
    """A worker of a node that also knows the node."""

    def who(self) -> tuple[str, NodeInfo]:
        """Returns the id of its node, and what is checked before it gets work."""
        import ray

        return ray.get_runtime_context().get_node_id(), self.hello()


def _connect(address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise BenchError("--executor ray needs Ray: pip install 'bench-audio[ray]'") from None
    _check_reachable(address)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": available_cores(), "include_dashboard": False}
    try:
        with _for_this_account_alone() if address is None else nullcontext():
            ray.init(address=address if address is not None else "local", **options)
    except ray.exceptions.AuthenticationError:
        raise BenchError(
            f"the Ray cluster at {address!r} asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what "
            "ray get-auth-token says on its head node"
        ) from None
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"no Ray cluster at {address!r}" if address is not None else "Ray cannot be started here"
        raise BenchError(
            f"{where} ({one_line(error)}): start one with ray start --head, or see --ray-address"
        ) from None
    return ray


@contextmanager
def _for_this_account_alone() -> Iterator[None]:
    """What Ray starts meanwhile listens on loopback, and asks for a token there, where every account of a machine gets.

    What the user has set of Ray's tokens is left alone.
    """
    from ray import _raylet
    from ray._private import ray_constants

    raylet: Any = _raylet
    constants: Any = ray_constants
    if "RAY_AUTH_MODE" not in os.environ:  # It stays: this process and its workers read it again.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        raylet.Config.initialize("")  # read before, when Ray was imported
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False  # as on macOS, where Ray looks for no address beyond loopback
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _check_reachable(address: str | None) -> None:
    """Raises BenchError if nobody listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not (host and port.isdigit()) or "://" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except (OSError, OverflowError) as error:
        raise BenchError(
            f"no Ray cluster at {address!r} ({one_line(error)}): start one with ray start --head, or see --ray-address"
        ) from None


def _fitting(ray: Any, wanted: Mapping[str, float]) -> list[Any]:
    """The nodes that have in all what a trial asks for."""
    kinds = {"CPU": wanted["num_cpus"], "GPU": wanted["num_gpus"]}
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return [node for node in nodes if all(node["Resources"].get(kind, 0.0) >= kinds[kind] for kind in kinds)]


def _check_resources(ray: Any, wanted: Mapping[str, float]) -> None:
    if _fitting(ray, wanted):
        return
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for resource, amount in (("GPU", wanted["num_gpus"]), ("CPU", wanted["num_cpus"])):
        most = max((node.get(resource, 0.0) for node in nodes), default=0.0)
        if amount and not most:
            raise BenchError(f"no {resource} in this cluster, {amount:g} asked for: leave it out, or add such a node")
        if amount > most:
            raise BenchError(
                f"no node of this cluster has {amount:g} {resource}s, the largest has {most:g}: ask for fewer a trial"
            )
    raise BenchError(
        f"no node of this cluster has both {wanted['num_cpus']:g} CPUs and {wanted['num_gpus']:g} GPUs: "
        "ask for fewer a trial"
    )


def _content(folder: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The files of a cache folder, by name, uint8 [bytes]: mapped, so that the object store's copy is the only one."""
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                mapped = path.stat().st_size > 0
                yield path.name, np.asarray(np.memmap(path, np.uint8, "r") if mapped else np.empty(0, np.uint8))
    except OSError as error:
        raise BenchError(f"{folder} cannot be sent to a node ({error.strerror}): run the command again") from error


def _cause(error: Exception) -> str:
    """What Ray says of a dead actor: the exception that ended it, or the first sentence; the rest is about its logs."""
    last = str(error).strip().splitlines()[-1]
    if re.match(r"[\w.]+(Error|Exception)\b", last):
        return last[:200]
    return one_line(error).split(". ")[0][:200]


def _name(slot: _Slot) -> str:
    return "a node of the cluster" if slot.info is None else f"node {slot.info.name}"

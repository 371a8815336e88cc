"""Runs trials on the nodes of a Ray cluster: one actor per place, which Ray puts where its resources are.

An actor is a `bench.executors.node.NodeWorker`: a local executor of its node, so that time limits, lost workers and logs are
what they are on one machine. Ray does placement, carries messages and data, and tells of nodes that are gone.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.cores import available_cores
from bench.errors import BenchError, one_line
from bench.executors.jobs import Event, Finished, Job, Lost, Notice
from bench.executors.local import STARTS
from bench.executors.node import NeedsData, NodeInfo, NodeSettings, NodeWorker, software

POLL_SECONDS = 5.0
"""For which an actor is asked for events in one go."""
PATIENCE_SECONDS = 30.0
"""After which it is said that the cluster has no room for a place; it is still waited for."""


@dataclass
class _Place:
    """One actor, and what it is doing."""

    actor: Any
    answer: Any
    """Reference to what it was asked last: who it is, until it has a node, and then its events."""
    asked: float = field(default_factory=time.monotonic)
    facts: NodeInfo | None = None
    job: Job | None = None
    sending: dict[Any, Path] = field(default_factory=dict)
    """References to its receipts of folders that are under way."""


class RayExecutor:
    """See `bench.executors.jobs.Executor`."""

    def __init__(
        self,
        *,
        workers: int,
        device: str,
        log_folder: Path,
        address: str | None = None,
        cpus_per_trial: float = 1.0,
        gpus_per_trial: float = 0.0,
        time_limit: float | None = None,
    ) -> None:
        """Joins the cluster at `address` (`auto`: the one that this machine is a node of), or starts one on this machine.

        Places that no node has room for now are filled as nodes join. Raises BenchError where Ray is not installed, where
        there is no such cluster, and where no node has what a trial asks for, since Ray would wait for one for ever.
        """
        self._ray = _connect(address)
        self._resources = {"num_cpus": cpus_per_trial, "num_gpus": gpus_per_trial}
        try:
            _check_resources(self._ray, self._resources)
        except BenchError:
            self._ray.shutdown()
            raise
        self._settings = NodeSettings(
            device="cuda" if gpus_per_trial else device,
            threads=max(1, int(cpus_per_trial)),
            time_limit=time_limit,
            log_folder=log_folder.resolve(),
        )
        self._software = software()
        self._sent: dict[Path, dict[str, Any]] = {}
        """References to the files of folders that were put into the object store, once for all nodes."""
        self._failed_starts = 0
        """Actors that died in a row before they were ready."""
        self._refused: dict[str, list[Any]] = {}
        """Actors on nodes of other software, by node. They stay, idle, so that Ray puts no other one there."""
        self._waiting_said = False
        self._places = [self._place() for _ in range(workers)]

    @property
    def free(self) -> int:
        return sum(place.facts is not None and place.job is None for place in self._places)

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes that places are on, one a place that is ready."""
        return [place.facts.name for place in self._places if place.facts is not None]

    def submit(self, job: Job) -> None:
        place = next(place for place in self._places if place.facts is not None and place.job is None)
        place.job = job
        place.actor.submit.remote(job)

    def stop(self, job: Job) -> None:
        for place in self._places:
            if place.job is job:
                place.actor.stop.remote()

    def events(self, timeout: float) -> list[Event]:
        waiting = {reference: place for place in self._places for reference in (place.answer, *place.sending)}
        ready, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout)
        events = [event for reference in ready for event in self._answered(waiting[reference], reference)]
        return events + self._what_waits()

    def close(self, *, now: bool = False) -> None:
        for place in self._places:
            if not now and place.facts is not None:
                self._ray.wait([place.actor.close.remote()], timeout=10.0)
            self._ray.kill(place.actor)
        for actor in chain.from_iterable(self._refused.values()):
            self._ray.kill(actor)
        self._places, self._refused = [], {}
        self._ray.shutdown()

    def _place(self) -> _Place:
        node_worker = self._ray.remote(
            max_concurrency=2,  # one call waits for events while another gives an order
            scheduling_strategy="SPREAD",
            **self._resources,
        )(_Actor)
        actor = node_worker.remote(self._settings)
        return _Place(actor, answer=actor.who.remote())

    def _answered(self, place: _Place, reference: Any) -> list[Event]:
        """What an actor said, be it that it is gone."""
        if place not in self._places:  # it was replaced since
            return []
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            return self._replace(place, _cause(error))
        except (
            self._ray.exceptions.RayTaskError
        ) as error:  # the local executor of the node gave up, or its disk is full
            folder = place.sending.get(reference)
            what = f"keep {folder.name}" if folder else "go on"
            raise BenchError(f"a worker on {_name(place)} cannot {what}: {one_line(error.cause)}") from error
        if place.sending.pop(reference, None):
            return []
        if place.facts is None:
            return self._welcome(place, *answer)
        place.answer = place.actor.events.remote(POLL_SECONDS)
        events: list[Event] = []
        for message in answer:
            if isinstance(message, NeedsData):
                self._send(place, message)
            elif isinstance(message, Notice):
                events.append(message)
            elif place.job is not None:
                # The very job that was submitted, and not the copy of it that came back.
                events.append(replace(message, job=place.job))
                if isinstance(message, Finished | Lost):
                    place.job = None
        return events

    def _welcome(self, place: _Place, node: str, facts: NodeInfo) -> list[Event]:
        """Puts a place to work whose actor has found a node; a node of other software gets none.

        Raises BenchError where no other node has what a trial asks for.
        """
        self._failed_starts = 0
        difference = self._difference(facts)
        if not difference:
            place.facts = facts
            place.answer = place.actor.events.remote(POLL_SECONDS)
            return []
        others = {other["NodeID"] for other in _fitting(self._ray, self._resources)} - self._refused.keys() - {node}
        if not others:
            raise BenchError(difference)
        actors = self._refused.setdefault(node, [])
        actors.append(place.actor)
        self._places[self._places.index(place)] = self._place()
        return [Notice(f"{difference}; it gets no trials")] if len(actors) == 1 else []

    def _difference(self, facts: NodeInfo) -> str:
        """In which software a node is not like the head, if in any: its numbers would be of something else."""
        for name, ours in self._software.items():
            theirs = facts.versions.get(name)
            if theirs != ours:
                return (
                    f"node {facts.name} has {name} {theirs or 'not installed'}, and the head has {ours}: "
                    f"install {name} {ours} there"
                )
        unknown = sorted(facts.versions.keys() - self._software.keys())
        if unknown:
            return f"node {facts.name} has the plugins {', '.join(unknown)}, and the head has not: install them"
        return ""

    def _send(self, place: _Place, message: NeedsData) -> None:
        for folder in message.folders:
            if folder not in self._sent:
                self._sent[folder] = {name: self._ray.put(content) for name, content in _content(folder)}
            files = self._sent[folder]
            receipt = place.actor.receive.remote(folder, tuple(files), *files.values())
            place.sending[receipt] = folder

    def _replace(self, place: _Place, reason: str) -> list[Event]:
        """Fills the place of an actor that is gone, or cannot be reached, in which case it must not come back."""
        if place.facts is None:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                raise BenchError(f"a worker cannot be started in the cluster: {reason}")
        job, name = place.job, _name(place)
        self._ray.kill(place.actor)
        self._places[self._places.index(place)] = self._place()
        return [] if job is None else [Lost(job, f"{name} was lost: {reason}")]

    def _what_waits(self) -> list[Event]:
        """Says once, while it is so, that places wait for room."""
        now = time.monotonic()
        waiting = sum(place.facts is None and now > place.asked + PATIENCE_SECONDS for place in self._places)
        said, self._waiting_said = self._waiting_said, waiting > 0
        if said or not waiting:
            return []
        return [Notice(f"the cluster has no room for {waiting} of {len(self._places)} workers: they start when it has")]


class _Actor(NodeWorker):
    """A place, and where Ray put it."""

    def who(self) -> tuple[str, NodeInfo]:
        """The id of its node, and what the head checks."""
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


def _check_reachable(address: str | None) -> None:
    """Raises BenchError where nobody listens at HOST:PORT: Ray itself would try for minutes."""
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


def _name(place: _Place) -> str:
    return "a node of the cluster" if place.facts is None else f"node {place.facts.name}"

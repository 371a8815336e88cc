"""Runs trials on the nodes of a Ray cluster: one actor per place, which Ray puts where its resources are.

An actor is a `bench.executors.node.NodeWorker`: a local executor of its node, so that time limits, lost workers and logs are
what they are on one machine. Ray does placement, carries messages and data, and tells of nodes that are gone.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import available_cores
from bench.errors import BenchError, one_line
from bench.executors.interface import Event, Finished, Job, Lost
from bench.executors.node import NeedsData, NodeFacts, NodeSettings, NodeWorker, software

POLL_SECONDS = 5.0
"""For which an actor is asked for events in one go."""


@dataclass
class _Place:
    """One actor, and what it is doing."""

    actor: Any
    hello: Any
    """Reference to its facts, until they are here: an actor that finds no node with room is not there yet."""
    facts: NodeFacts | None = None
    events: Any = None
    """Reference to the answer of its running call of `events`."""
    job: Job | None = None


class RayExecutor:
    """See `bench.executors.interface.Executor`."""

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
        self._sent: dict[Path, Any] = {}
        """References to the content of folders that were put into the object store, once for all nodes."""
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
        waiting = {place.hello if place.facts is None else place.events: place for place in self._places}
        ready, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=timeout)
        return [event for reference in ready for event in self._answered(waiting[reference], reference)]

    def close(self, *, now: bool = False) -> None:
        for place in self._places:
            if not now and place.facts is not None:
                self._ray.wait([place.actor.close.remote()], timeout=10.0)
            self._ray.kill(place.actor)
        self._places = []
        self._ray.shutdown()

    def _place(self) -> _Place:
        node_worker = self._ray.remote(
            max_concurrency=2,  # one call waits for events while another gives an order
            scheduling_strategy="SPREAD",
            **self._resources,
        )(NodeWorker)
        actor = node_worker.remote(self._settings)
        return _Place(actor, hello=actor.hello.remote())

    def _answered(self, place: _Place, reference: Any) -> list[Event]:
        """What an actor said, be it that it is gone."""
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            return self._replace(place, _cause(error))
        except self._ray.exceptions.RayTaskError as error:  # the local executor of the node gave up
            raise BenchError(f"a worker on {_name(place)} cannot go on: {one_line(error.cause)}") from error
        if place.facts is None:
            place.facts = self._checked(answer)
            messages = []
        else:
            messages = answer
        place.events = place.actor.events.remote(POLL_SECONDS)
        events: list[Event] = []
        for message in messages:
            if isinstance(message, NeedsData):
                self._send(place, message)
            elif place.job is not None:
                events.append(_of(place.job, message))
                if isinstance(message, Finished | Lost):
                    place.job = None
        return events

    def _checked(self, facts: NodeFacts) -> NodeFacts:
        """Raises BenchError where a node's software is not the head's: its numbers would be of something else."""
        for name, ours in self._software.items():
            theirs = facts.versions.get(name)
            if theirs != ours:
                raise BenchError(
                    f"node {facts.name} has {name} {theirs or 'not installed'}, and the head has {ours}: "
                    f"install {name} {ours} there"
                )
        unknown = sorted(facts.versions.keys() - self._software.keys())
        if unknown:
            raise BenchError(
                f"node {facts.name} has the plugins {', '.join(unknown)}, and the head has not: install them"
            )
        return facts

    def _send(self, place: _Place, message: NeedsData) -> None:
        for folder in message.folders:
            if folder not in self._sent:
                self._sent[folder] = self._ray.put(_content(folder))
            place.actor.receive.remote(folder, self._sent[folder])

    def _replace(self, place: _Place, reason: str) -> list[Event]:
        job, name = place.job, _name(place)
        self._places[self._places.index(place)] = self._place()
        return [] if job is None else [Lost(job, f"{name} was lost: {reason}")]


def _of(job: Job, event: Event) -> Event:
    """The event with the very job that was submitted, and not the copy of it that came back."""
    from dataclasses import replace

    return replace(event, job=job)


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


def _check_resources(ray: Any, wanted: Mapping[str, float]) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for resource, amount in (("GPU", wanted["num_gpus"]), ("CPU", wanted["num_cpus"])):
        most = max((node.get(resource, 0.0) for node in nodes), default=0.0)
        if amount and not most:
            raise BenchError(f"no {resource} in this cluster, {amount:g} asked for: leave it out, or add such a node")
        if amount > most:
            raise BenchError(
                f"no node of this cluster has {amount:g} {resource}s, the largest has {most:g}: ask for fewer a trial"
            )


def _content(folder: Path) -> dict[str, bytes]:
    """The files of a cache folder."""
    try:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError as error:
        raise BenchError(f"{folder} cannot be sent to a node ({error.strerror}): run the command again") from error


def _cause(error: Exception) -> str:
    """The first sentence of what Ray says of a dead actor: the rest is about its logs."""
    return one_line(error).split(". ")[0][:200]


def _name(place: _Place) -> str:
    return "a node of the cluster" if place.facts is None else f"node {place.facts.name}"

"""Runs given specifications again, outside any study, and keeps what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.executors.interface import EpochDone, Executor, Finished, Job, Lost
from bench.plugins import PluginConfig
from bench.results.records import RunRecord
from bench.results.store import Study
from bench.trial import Hardware, TrialSpec


@dataclass(frozen=True)
class Reproduction:
    """What is run again, and what was published of it."""

    name: str
    title: str
    dataset: PluginConfig
    specs: tuple[TrialSpec, ...]
    """One a seed."""
    published: tuple[Mapping[str, float], ...]
    """Figures by name, one mapping a seed."""
    hardware: Hardware | None = None
    """That the published numbers were computed on: another device, thread count or version gives other weights."""

    def differences(self, data: PreparedData, here: Hardware) -> list[str]:
        """Lines on what differs here from what was published with. The numbers will differ by it."""
        lines = []
        if self.specs[0].revision not in ("", data.revision):
            lines.append(
                f"the files of {self.dataset.name} are not those of the published row "
                f"(revision {self.specs[0].revision}, here {data.revision}): its numbers are not expected to return"
            )
        if self.hardware is None:
            return lines
        then = {"the device": self.hardware.device, "the system": self.hardware.system, **self.hardware.versions}
        now = {"the device": here.device, "the system": here.system, **here.versions}
        return lines + [
            f"{name} is {now[name]} here, {was} in the published row"
            for name, was in then.items()
            if name in now and now[name] != was
        ]


def reproduce(
    wanted: Reproduction, data: PreparedData, study: Study, executor: Executor, *, say: Callable[[str], None]
) -> list[RunRecord]:
    """Runs every specification with its test, keeps each in the folder of `study`, and returns them in order.

    Raises BenchError where a run does not come to its end.
    """
    jobs = [
        Job(f"seed-{repeat}", spec.model_copy(update={"revision": data.revision}), data, test=True)
        for repeat, spec in enumerate(wanted.specs)
    ]
    repeats = {job.name: repeat for repeat, job in enumerate(jobs)}
    runs: dict[int, RunRecord] = {}
    started = _now()
    waiting = list(jobs)
    while len(runs) < len(jobs):
        while waiting and executor.free:
            executor.submit(waiting.pop(0))
        for event in executor.events(timeout=0.2):
            match event:
                case EpochDone(job=job, epoch=epoch):
                    total = job.spec.training.epochs
                    say(f"{job.name}: epoch {epoch.number}/{total}, validation {epoch.validation_accuracy:.4f}")
                case Lost(job=job, reason=reason):
                    raise BenchError(f"{wanted.title}: {job.name} was lost, {reason}")
                case Finished(job=job, outcome=outcome):
                    if outcome.result.status != "complete":
                        raise BenchError(f"{wanted.title}: {job.name} {outcome.result.status}, {outcome.result.reason}")
                    repeat = repeats[job.name]
                    run = RunRecord(
                        study=study.name,
                        kind="reproduction",
                        number=1,
                        repeat=repeat,
                        origin=wanted.title,
                        started=started,
                        finished=_now(),
                        spec=job.spec,
                        result=outcome.result,
                    )
                    study.save(run, outcome)
                    runs[repeat] = run
    return [runs[repeat] for repeat in sorted(runs)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

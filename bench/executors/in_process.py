"""Runs trials inside the calling process, one at a time: for debugging, and wherever no process may be started."""

from __future__ import annotations

from collections import deque

import torch

from bench.cores import has_spare_cores
from bench.executors.job_runner import JobRunner
from bench.executors.jobs import EpochDone, Event, ExecutorSettings, Finished, Job, Notice
from bench.plugins.registry import Registry
from bench.trial.run_trial import Trial


def start(settings: ExecutorSettings) -> InProcessExecutor:
    """The executor `in-process` of a study."""
    return InProcessExecutor(registry=settings.registry, device=settings.device, threads=settings.options.threads)


class InProcessExecutor:
    """An executor with one slot and no process. See `bench.executors.jobs.Executor`.

    A trial advances by an epoch in each call of `events`. It has no time limit, and whatever kills it kills the study.
    """

    in_process: bool = True

    def __init__(self, *, registry: Registry, device: str, threads: int | None = None) -> None:
        """Makes an executor that has run nothing.

        Args:
            registry: Plugins that jobs name.
            device: Device that trains, `cpu` or `cuda`.
            threads: Number of torch threads until the executor is closed; what torch has now unless given.
        """
        self._threads_before = torch.get_num_threads()
        if threads is not None:
            torch.set_num_threads(threads)
        spare_cores = device == "cpu" and has_spare_cores(workers=1, threads=torch.get_num_threads())
        self._notices: deque[Event] = deque()
        self._runner = JobRunner(
            registry=registry,
            device=device,
            spare_cores=spare_cores,
            note=lambda line: self._notices.append(Notice(line)),
        )
        self._running: tuple[Job, Trial] | None = None
        self._begun = False
        self._goes_on = True
        """Whether the running trial goes on after the epoch that it has finished or is about to."""

    @property
    def free(self) -> int:
        return int(self._running is None)

    def submit(self, job: Job) -> None:
        self._running = (job, self._runner.run(job))
        self._begun, self._goes_on = False, True

    def stop(self, job: Job) -> None:
        if self._running is not None and self._running[0] is job:
            self._goes_on = False

    def events(self, timeout: float) -> list[Event]:
        if self._running is None:
            return []
        job, trial = self._running
        try:
            epoch = trial.send(self._goes_on) if self._begun else next(trial)
        except StopIteration as end:
            self._running = None
            event: Event = Finished(job, end.value)
        except BaseException:
            self._running = None
            raise
        else:
            self._begun = True
            event = EpochDone(job, epoch)
        notices = list(self._notices)
        self._notices.clear()
        return [*notices, event]

    def close(self, *, now: bool = False) -> None:
        if self._running is not None:
            self._running[1].close()
            self._running = None
        torch.set_num_threads(self._threads_before)

"""Runs jobs on a device, one after another: the part that a worker process and the in-process executor share."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import torch

from bench.data.preparation import load_split
from bench.executors.jobs import Job
from bench.plugins.faults import fault
from bench.plugins.registry import Registry
from bench.training.compiled import Compiler
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialOutcome, TrialResult
from bench.trial.run_trial import Trial, run_trial
from bench.trial.trial_records import TimedOut


class JobRunner:
    """Keeps what one job leaves to the next: the data on the device, and the compiler."""

    def __init__(self, *, registry: Registry, device: str, spare_cores: bool, note: Callable[[str], None]) -> None:
        """Makes a runner that has run nothing.

        Args:
            registry: Plugins that jobs name.
            device: Device that trains, `cpu` or `cuda`.
            spare_cores: Whether there are idle cores, on which batches are then prefetched.
            note: Called with human-readable lines about the compilation.
        """
        self._registry = registry
        self._device = torch.device(device)
        self._spare_cores = spare_cores
        self._compiler = Compiler(note)
        self._data: DataOnDevice | None = None

    def run(self, job: Job) -> Trial:
        """Runs a job as `run_trial` does: yields its epochs, and is sent whether to go on.

        Raises:
            BenchError: If the job failed because the decoded audio is gone, so that no plugin is blamed for it.
        """
        try:
            outcome = yield from run_trial(
                job.spec,
                self._data_of(job),
                registry=self._registry,
                options=job.options,
                test=job.test,
                compiler=self._compiler,
            )
        except TimedOut:
            raise
        except Exception as error:  # The process outlives whatever a job does.
            outcome = TrialOutcome(TrialResult(status="failed", reason=fault(error), traceback=traceback.format_exc()))
        if outcome.result.status == "failed":
            _check_audio(job)
        return outcome

    def _data_of(self, job: Job) -> DataOnDevice:
        """The data of the job: those of the last one if they are the same."""
        if self._data is None or self._data.prepared != job.data:
            self._data = DataOnDevice(job.data, self._device, spare_cores=self._spare_cores)
        return self._data


def _check_audio(job: Job) -> None:
    """Raises BenchError if the decoded audio of a job is gone or damaged."""
    for rate in job.data.caches:
        for split in job.data.splits:
            load_split(job.data, split, sample_rate=rate)

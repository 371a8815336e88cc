"""Measures what the scheduler costs a trial, for the first trials and after a thousand, and the scheduler's memory.

The study runs by the code of every study except for its executor, which trains nothing and returns artificial epochs and
predictions at once, so that all the time is spent in the scheduler.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.data.preparation import prepare
from bench.evaluation.metrics import basic_scores
from bench.evaluation.predictions import Predictions
from bench.executors.jobs import EpochDone, Event, Finished, Job
from bench.options import RunOptions
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.callback import StudyCallback
from bench.search.plan import make_plan, new_record, versions
from bench.search.run_study import run_study
from bench.search.search_source import SearchSource
from bench.tracking.tracker import Tracker
from bench.trial import Epoch, TrialOutcome, TrialResult
from perf.machine import resident_megabytes
from perf.sound import data_set
from perf.tables import Column, Sizes, Table

EPOCHS = 10
CLIPS = 400
WINDOW = 20
"""Number of trials over which a median is taken."""
SHORT_TRIAL = 5.0
"""Seconds of training of a short trial, of which shares are given."""

COSTS: dict[str, tuple[type, str]] = {
    "Optuna: ask and suggest": (SearchSource, "next"),
    "Optuna: report and ask whether to prune": (SearchSource, "epoch"),
    "Optuna: tell": (SearchSource, "ended"),
    "results folder: save": (StudyFolder, "save"),
    "MLflow: start": (Tracker, "start_run"),
    "MLflow: log": (Tracker, "log_epoch"),
    "MLflow: finish": (Tracker, "finish_run"),
}
BLOCKING_COSTS = ("Optuna: ask and suggest", "Optuna: tell", "results folder: save")
"""Costs between the end of a trial and the start of the next one; the others arise while workers train."""


class InstantExecutor:
    """An executor that trains nothing. See `bench.executors.jobs.Executor`."""

    in_process: bool = True

    def __init__(self) -> None:
        self._pending: list[Event] = []
        self._random = np.random.default_rng(0)

    @property
    def free(self) -> int:
        return int(not self._pending)

    def submit(self, job: Job) -> None:
        best_accuracy = self._random.uniform(0.2, 0.9)
        epochs = tuple(_epoch(number, best_accuracy) for number in range(1, EPOCHS + 1))
        self._pending = [
            *(EpochDone(job, epoch) for epoch in epochs),
            Finished(job, self._outcome(job, epochs, best_accuracy)),
        ]

    def stop(self, job: Job) -> None:
        done = [event.epoch for event in self._pending if isinstance(event, EpochDone)]
        result = TrialResult(status="pruned", reason="others were better", epochs=tuple(done), train_seconds=1.0)
        self._pending = [Finished(job, TrialOutcome(result))]

    def events(self, timeout: float) -> list[Event]:
        if timeout == 0.0:  # The scheduler has deferred writes, which take less time than a worker trains.
            return []
        return [self._pending.pop(0)] if self._pending else []

    def close(self, *, now: bool = False) -> None:
        return None

    def _outcome(self, job: Job, epochs: tuple[Epoch, ...], best_accuracy: float) -> TrialOutcome:
        labels = job.data.labels
        targets = self._random.integers(0, len(labels), CLIPS)
        probabilities = self._random.random((CLIPS, len(labels))) + best_accuracy * np.eye(len(labels))[targets]
        predictions = Predictions(
            labels=labels,
            ids=tuple(f"class/{number:05d}.wav" for number in range(CLIPS)),
            groups=("",) * CLIPS,
            targets=targets,
            probabilities=(probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32),
        )
        result = TrialResult(
            status="complete",
            epochs=epochs,
            best_epoch=EPOCHS,
            validation=basic_scores(predictions),
            parameters=65180,
            train_seconds=SHORT_TRIAL,
            latency_ms=1.0,
            peak_memory_mb=800.0,
        )
        return TrialOutcome(result, validation=predictions)


def _epoch(number: int, best_accuracy: float) -> Epoch:
    accuracy = best_accuracy * number / EPOCHS
    return Epoch(
        number=number,
        learning_rate=1e-3,
        train_loss=1.0 / number,
        train_accuracy=accuracy,
        validation_loss=1.0 / number,
        validation_accuracy=accuracy,
        validation_balanced_accuracy=accuracy,
        seconds=SHORT_TRIAL / EPOCHS,
    )


class CostRecorder(StudyCallback):
    """A callback that records the scheduler's memory, and what every trial costs it."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []
        """Resident memory after every trial."""
        self.seconds: dict[str, list[float]] = {name: [] for name in COSTS}
        """Seconds of every trial by cost. Deferred work counts towards the trial during which it was done."""
        self._seconds_of_trial: dict[str, float] = defaultdict(float)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Records the costs of what runs in this context."""
        with ExitStack() as stack:
            for name, (owner, method) in COSTS.items():
                timed = self._timed(name, getattr(owner, method))
                stack.enter_context(patch.object(owner, method, timed))
            yield

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._seconds_of_trial[name] += time.perf_counter() - start

        return timed

    def ended(self, run: RunRecord) -> None:
        for name, seconds in self.seconds.items():
            seconds.append(self._seconds_of_trial.pop(name, 0.0))
        self.megabytes.append(resident_megabytes())

    def note(self, line: str) -> None:
        print(line)


def run_instant_study(folder: Path, trials: int) -> CostRecorder:
    """Runs a study of trials that train nothing, over all installed features and models."""
    registry = installed()
    audio = data_set(folder / "audio", clips=60)
    dataset = registry.dataset(PluginConfig(name="folder", options={"path": str(audio)}))
    plan = make_plan(registry, dataset, RunOptions(trials=trials, finalists=0, final_seeds=1))
    data = prepare(dataset, data_dir=folder, cache_dir=folder / "cache", sample_rates=plan.sample_rates(registry))
    record = new_record(
        plan,
        data,
        name="made",
        command="bench run",
        versions=versions(registry),
    )
    study = StudyFolder(folder / "results" / record.name)
    study.write(record)
    recorder = CostRecorder()
    with Tracker(folder / "results") as tracker, recorder.recording():
        run_study(
            study, record, plan, registry=registry, executor=InstantExecutor(), tracker=tracker, callback=recorder
        )
    return recorder


def measure(sizes: Sizes) -> list[Table]:
    """Returns two tables: the costs of a trial, and the scheduler's memory."""
    trials = sizes.of(1000, 6)
    with tempfile.TemporaryDirectory() as folder:
        recorder = run_instant_study(Path(folder), trials)
    return [_costs(recorder, trials), _memory(recorder, trials)]


def _costs(recorder: CostRecorder, trials: int) -> Table:
    window = min(WINDOW, trials // 2)
    early, late = slice(0, window), slice(trials - window, trials)
    by_cost = {
        cost: [1000 * statistics.median(seconds[part]) for part in (early, late)]
        for cost, seconds in recorder.seconds.items()
    }
    by_cost["all"] = [sum(column) for column in zip(*by_cost.values(), strict=True)]
    by_cost["of it, what a worker waits for"] = [
        sum(by_cost[cost][index] for cost in BLOCKING_COSTS) for index in (0, 1)
    ]
    return Table(
        title="What the scheduler does for a trial",
        columns=(
            Column("Cost", "cost"),
            Column(f"First {window} trials, ms", "first_ms", ".1f"),
            Column(f"Last {window} of {trials:,}, ms", "last_ms", ".1f"),
            Column(f"Share of {SHORT_TRIAL:g} s", "share_of_a_short_trial", ".1%"),
        ),
        rows=tuple(
            {"cost": cost, "first_ms": first, "last_ms": last, "share_of_a_short_trial": last / 1000 / SHORT_TRIAL}
            for cost, (first, last) in by_cost.items()
        ),
        note=f"Medians a trial of {EPOCHS} epochs, in a search over all features and models that are installed. The first "
        "trials are proposed without a model of the past; later ones by the tree-structured Parzen estimator.",
    )


def _memory(recorder: CostRecorder, trials: int) -> Table:
    measured_at = [trial for trial in (20, 200, 1000) if trial <= trials] or [1, trials]
    first = recorder.megabytes[measured_at[0] - 1]
    megabytes = {trial: recorder.megabytes[trial - 1] for trial in measured_at}
    return Table(
        title="Memory of the scheduler",
        columns=(
            Column("After trial", "trial", ","),
            Column("Resident, MiB", "megabytes", ",.0f"),
            Column(f"Since trial {measured_at[0]}", "change", "+.1%"),
        ),
        rows=tuple(
            {"trial": trial, "megabytes": megabytes[trial], "change": megabytes[trial] / first - 1}
            for trial in measured_at
        ),
    )

"""`bench run --dry-run`: the resolved study, and an estimate of its time from one timed batch of each candidate."""

from __future__ import annotations

import statistics

from bench.data.prepared import PreparedData
from bench.plugins import Infeasible
from bench.reporting.numbers import duration
from bench.reporting.terminal import print_table
from bench.results.study_records import StudyRecord
from bench.search.plan import Plan
from bench.search.space import Candidate
from bench.trial import TrialSpec


def describe(
    record: StudyRecord, plan: Plan, *, device: str, workers: int, threads: int | None, trial_budget: float | None
) -> None:
    """Prints what the study would search, with which versions and data, and about how long it would take.

    `trial_budget`: seconds of training after which a trial is ended.
    """
    print("\nsearched:")
    print_table(
        ("parameter", "range"), [(name, str(text)) for name, text in record.space["searched"].items()], left=(0, 1)
    )
    print("\nfixed:")
    print_table(
        ("parameter", "value"), [(name, str(value)) for name, value in record.space["fixed"].items()], left=(0, 1)
    )
    print("\nclips:")
    supports = record.data.supports
    rows = [
        (label, *(f"{supports[split][number]:,}" for split in record.data.splits))
        for number, label in enumerate(record.data.labels)
    ]
    print_table(("class", *record.data.splits), rows)
    print("\nversions: " + ", ".join(f"{name} {version}" for name, version in record.versions.items()))
    print("\ntried first, with the time of one epoch:")
    seconds = []
    rows = []
    for candidate in plan.candidates:
        feature, model = candidate.configuration.feature.name, candidate.configuration.model.name
        try:
            took = _epoch_seconds(candidate, record.data, device, threads=threads, workers=workers)
        except Infeasible:
            found = "infeasible"
        except Exception as error:  # a plugin may raise anything: its trial would fail, and the rest is worth telling
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        else:
            training = took * candidate.configuration.training.epochs
            over = trial_budget is not None and training > trial_budget
            found = duration(took) + (f" (over the budget in all: {duration(training)})" if over else "")
            seconds.append(0.0 if over else training)
        rows.append((candidate.origin, f"{model} on {feature}", found))
    print_table(("origin", "what", "epoch"), rows, left=(0, 1))
    if seconds:
        runs = record.trials + record.finalists * record.final_seeds
        total = statistics.mean(seconds) * runs / workers
        print(f"\nestimate: {duration(total)} for {runs} trials and finals with {workers} worker(s), before pruning")


def _epoch_seconds(
    candidate: Candidate, data: PreparedData, device: str, *, threads: int | None, workers: int
) -> float:
    """Seconds of one epoch, from the time of a batch. Raises Infeasible, and whatever a plugin raises."""
    import torch

    from bench.cores import threads_per_worker
    from bench.training.device_clips import DataOnDevice
    from bench.trial.run_trial import time_epoch

    torch.set_num_threads(threads or threads_per_worker(workers))
    configuration = candidate.configuration
    spec = TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=configuration.feature,
        model=configuration.model,
        training=configuration.training,
        seed=0,
    )
    return time_epoch(spec, DataOnDevice(data.without_test(), torch.device(device)))

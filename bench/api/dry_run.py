"""How long a study would take, from one timed batch of each configuration that it tries first."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from bench.api.resolve import ResolvedStudy
from bench.cores import available_cores, threads_per_worker
from bench.errors import one_line
from bench.files import cache_directory
from bench.plugins import Infeasible
from bench.plugins.references import without_path
from bench.search.space import Candidate
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialSpec
from bench.trial.feasibility_cache import FeasibilityCache
from bench.trial.run_trial import trial_budget
from bench.trial.timing import time_training

AROUND_SECONDS = 13.0
"""Seconds that a study takes beside its trainings on two cores with nothing else to do: workers start, reports are drawn. A
machine with more to do than cores takes longer, as it does for the steps that are timed."""


@dataclass(frozen=True)
class CandidateTime:
    """A configuration that is tried first, and how long it takes."""

    candidate: Candidate
    epoch_seconds: float | None
    """None if it cannot be trained."""
    training_seconds: float
    """Of all epochs; 0 for one that is over the budget, which is pruned at once."""
    problem: str = ""
    """Why it cannot be trained, or that it is over the budget."""


def candidate_times(study: ResolvedStudy) -> Iterator[CandidateTime]:
    """Times every configuration that the study tries first."""
    torch.set_num_threads(study.options.threads or threads_per_worker(max(1, study.workers)))
    data = DataOnDevice(study.record.data.without_test(), torch.device(study.device))
    budget = trial_budget(study.options, torch.device(study.device))
    cache = FeasibilityCache(cache_directory())
    for candidate in study.plan.candidates:
        try:
            timed = time_training(_spec(candidate, study), data, registry=study.registry, cache=cache)
        except Infeasible as error:
            yield CandidateTime(candidate, None, 0.0, f"infeasible: {one_line(error)}")
        except Exception as error:  # a plugin may raise anything: its trial would fail, and the rest is worth telling
            yield CandidateTime(candidate, None, 0.0, f"{type(error).__name__}: {one_line(error)}")
        else:
            training = timed.once + timed.epoch * candidate.configuration.training.epochs
            over = budget is not None and training > budget
            yield CandidateTime(
                candidate, timed.epoch, 0.0 if over else training, "over the budget in all" if over else ""
            )
    cache.save()


def total_seconds(study: ResolvedStudy, times: Sequence[CandidateTime]) -> float:
    """Seconds of the whole study, before pruning, if its trials and finals take as long as these on average."""
    trained = [time.training_seconds for time in times if time.epoch_seconds is not None]
    if not trained:
        return 0.0
    crowded = max(1.0, os.getloadavg()[0] / available_cores())
    return statistics.mean(trained) * number_of_runs(study) / max(1, study.workers) + AROUND_SECONDS * crowded


def number_of_runs(study: ResolvedStudy) -> int:
    """Number of trials and finals."""
    record, options = study.record, study.record.options
    finalists = min(options.finalists, 1) if options.nested else options.finalists
    return record.trials + finalists * options.final_seeds * len(record.data.folds)


def _spec(candidate: Candidate, study: ResolvedStudy) -> TrialSpec:
    data, configuration = study.record.data, candidate.configuration
    return TrialSpec(
        dataset=without_path(study.registry, data.dataset),
        revision=data.revision,
        feature=configuration.feature,
        model=configuration.model,
        training=configuration.training,
        seed=0,
    )

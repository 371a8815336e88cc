"""The finals: the best configurations by validation, trained again with seeds of their own, and tested once in every outer
fold."""

from __future__ import annotations

from itertools import count

import numpy as np

from bench.executors.jobs import Job
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder, validation_score
from bench.results.study_records import RunRecord, StudyRecord, run_name
from bench.search.assignment import Assignment
from bench.trial import Epoch, TrialSpec
from bench.trial.plugin_code import with_code

FINALS_STREAM = 2**31
"""Keeps the seeds of finals apart from those of trials: a configuration is not tested on the seed it was chosen by."""


def choose_finalists(trials: list[RunRecord], count: int, *, registry: Registry) -> list[TrialSpec]:
    """Returns the best `count` distinct configurations of complete trials, by validation score, then by validation loss.

    They have the code that their plugins have now, with which they are retrained.
    """

    complete = [
        (-validation_score(run), run.result.validation.loss, run)
        for run in trials
        if run.result.status == "complete" and run.result.validation is not None
    ]
    best: dict[str, TrialSpec] = {}
    for *_, run in sorted(complete, key=lambda ranked: ranked[:2]):
        spec = with_code(run.spec, registry)
        best.setdefault(spec.configuration(), spec)
    return list(best.values())[:count]


def final_seed(study_seed: int, repeat: int) -> int:
    """Returns the seed of a repeat: the same for every configuration, so that these differ by nothing else."""
    return int(np.random.SeedSequence([study_seed, FINALS_STREAM, repeat]).generate_state(1)[0])


class FinalsSource:
    """The finals that are not in the results folder yet. See `bench.search.assignment.Source`.

    Finals are recognised by what they are, not by their names: after a resume with more trials other configurations can be
    the best.
    """

    def __init__(self, *, record: StudyRecord, study: StudyFolder, registry: Registry) -> None:
        finished = {run.spec.digest() for run in study.finals() if run.result.status != "lost"}
        folds = [fold.name for fold in record.data.folds]
        planned: list[Assignment] = []
        if record.options.nested:
            for fold in folds:
                best = choose_finalists(study.trials(fold), min(record.options.finalists, 1), registry=registry)
                planned += _planned(record, study, best, tested=[fold])
        else:
            best = choose_finalists(study.trials(), record.options.finalists, registry=registry)
            planned = _planned(record, study, best, tested=folds)
        self._left = [assignment for assignment in planned if assignment.job.spec.digest() not in finished]
        self.total = len(planned)
        self.done = self.total - len(self._left)

    def next(self) -> Assignment | None:
        return self._left.pop(0) if self._left else None

    def epoch(self, assignment: Assignment, epoch: Epoch) -> bool:
        return True

    def ended(self, assignment: Assignment, run: RunRecord) -> None:
        self.done += 1


def _planned(
    record: StudyRecord, study: StudyFolder, finalists: list[TrialSpec], *, tested: list[str]
) -> list[Assignment]:
    """The finals of these configurations in the outer folds that are tested; numbers that were given out stay."""
    there = [run for run in study.finals() if run.spec.fold in tested]
    numbers = {run.spec.configuration(): run.number for run in there}
    unused = (number for number in count(1) if number not in {run.number for run in there})
    planned = []
    for rank, spec in enumerate(finalists, start=1):
        configuration = spec.configuration()
        number = numbers[configuration] if configuration in numbers else next(unused)
        planned += [
            _assignment(record, spec, rank, number, fold, repeat)
            for fold in tested
            for repeat in range(record.options.final_seeds)
        ]
    return planned


def _assignment(record: StudyRecord, spec: TrialSpec, rank: int, number: int, fold: str, repeat: int) -> Assignment:
    seeded = spec.model_copy(update={"seed": final_seed(record.options.seed, repeat), "fold": fold})
    job = Job(run_name("final", number, repeat, fold), seeded, record.data.of_fold(fold), record.options, test=True)
    return Assignment(job, "final", number, repeat, origin=f"rank {rank} by validation")

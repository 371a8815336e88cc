"""Runs a recipe or a row of a leaderboard again, outside any study."""

from __future__ import annotations

from collections import Counter

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.executors.jobs import Executor, Job
from bench.options import RunOptions
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord, run_name
from bench.search.assignment import Assignment
from bench.search.callback import StudyCallback
from bench.search.failures import ATTEMPTS
from bench.search.reproduction import Reproduction
from bench.search.scheduler import Scheduler
from bench.trial import Epoch
from bench.trial.plugin_code import with_code


class ReproductionSource:
    """The seeds of a reproduction, and its outer folds, in order. See `bench.search.assignment.Source`."""

    def __init__(self, wanted: Reproduction, data: PreparedData, registry: Registry) -> None:
        self._title = wanted.title
        options = RunOptions(compile=wanted.compiled)
        repeats = Counter[str]()
        self._left = []
        for spec in wanted.specs:
            repeat = repeats[spec.fold]
            repeats[spec.fold] += 1
            name = run_name("reproduction", 1, repeat, spec.fold)
            here = with_code(spec.model_copy(update={"revision": data.revision}), registry)
            job = Job(name, here, data.of_fold(spec.fold), options, test=True)
            self._left.append(Assignment(job, "reproduction", number=1, repeat=repeat, origin=wanted.title))
        self.names = tuple(assignment.job.name for assignment in self._left)
        """Names of all runs, in the order of their specifications."""
        self.runs: list[RunRecord] = []

    def next(self) -> Assignment | None:
        return self._left.pop(0) if self._left else None

    def epoch(self, assignment: Assignment, epoch: Epoch) -> bool:
        return True

    def ended(self, assignment: Assignment, run: RunRecord) -> None:
        status, reason = run.result.status, run.result.reason
        if status == "lost":
            raise BenchError(f"{self._title}: {run.name} was lost {ATTEMPTS} times, the last because {reason}")
        if status != "complete":
            raise BenchError(f"{self._title}: {run.name} {status}, {reason}")
        self.runs.append(run)


def run_reproduction(
    wanted: Reproduction,
    data: PreparedData,
    study: StudyFolder,
    executor: Executor,
    *,
    registry: Registry,
    callback: StudyCallback,
) -> list[RunRecord]:
    """Runs every specification with its test, and saves each in the folder of `study`.

    Args:
        wanted: What is run again.
        data: Its data set, with the test split.
        study: Folder that takes the results.
        executor: Where the runs are run.
        registry: Plugins that the specifications name.
        callback: Told of everything that happens.

    Returns:
        The runs, in the order of their specifications.

    Raises:
        BenchError: If a run does not come to its end.
    """
    source = ReproductionSource(wanted, data, registry)
    order = source.names
    callback.phase("runs", done=0, total=len(order))
    Scheduler(study=study, executor=executor, registry=registry, callback=callback).run(source)
    return sorted(source.runs, key=lambda run: order.index(run.name))

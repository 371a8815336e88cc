"""The scheduler with its executors: whole studies and reproductions, in this process and by workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
import torch
from failing_studies import IN_TURN
from faulty_plugins import install, model
from made_audio import cats_and_dogs, prepared
from torch import Tensor, nn

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.executors import local
from bench.executors.in_process import InProcessExecutor
from bench.executors.jobs import EpochDone, Executor, Finished, Job
from bench.executors.local import LocalExecutor
from bench.options import RunOptions
from bench.plugins import Model, PluginConfig, TrainingSettings
from bench.plugins.registry import Registry, installed, load
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.assignment import Assignment
from bench.search.callback import StudyCallback
from bench.search.failures import SAME_FAILURES
from bench.search.plan import make_plan, new_record, versions
from bench.search.reproduction import Reproduction
from bench.search.reproduction_source import run_reproduction
from bench.search.run_study import Ending, run_study
from bench.search.scheduler import Scheduler
from bench.trial import TrialOutcome, TrialResult, TrialSpec
from bench_plugins.datasets.folder import Folder


class Mean(nn.Module):
    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(bands, classes)

    def forward(self, batch: Tensor) -> Tensor:
        result: Tensor = self.linear(batch.mean(-1))
        return result


class Small(Model):
    """A linear layer over the mean of all frames."""

    name: ClassVar[str] = "small"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Mean(shape[0], classes)


class Faulty(Small):
    """Fails in every trial, though not on the meta device."""

    name: ClassVar[str] = "faulty"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        network = Mean(shape[0], classes)
        network.register_forward_pre_hook(self._fail)
        return network

    @staticmethod
    def _fail(network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].device.type != "meta":
            raise KeyError("the cable is loose")


class Diary(StudyCallback):
    """What happened, in order."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.phases: list[tuple[str, int, int]] = []
        self.ended_runs: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def phase(self, name: str, *, done: int, total: int) -> None:
        self.phases.append((name, done, total))

    def ended(self, run: RunRecord) -> None:
        self.ended_runs.append(run.name)


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio", 10))), tmp_path)


@pytest.fixture
def registry() -> Registry:
    return installed().extended(models=[Small, Faulty])


@pytest.fixture
def in_process(registry: Registry) -> Iterator[InProcessExecutor]:
    executor = InProcessExecutor(registry=registry, device="cpu", threads=1)
    yield executor
    executor.close()


def study_of(
    tmp_path: Path, data: PreparedData, registry: Registry, **options: Any
) -> tuple[StudyFolder, Callable[[Executor, StudyCallback], Ending]]:
    """The study `mine` of these options, and what runs it."""
    given = {"features": ("mel",), "epochs": 2, "settings": {"feature.mel.sample_rate": 8000}, "final_seeds": 1}
    dataset = registry.dataset(data.dataset)
    plan = make_plan(registry, dataset, RunOptions(**{**given, **options}))
    record = new_record(plan, data, name="mine", command="bench run", versions=versions(registry))
    study = StudyFolder(tmp_path / "results" / "mine")
    study.write(record)

    def run(executor: Executor, callback: StudyCallback) -> Ending:
        return run_study(study, record, plan, registry=registry, executor=executor, tracker=None, callback=callback)

    return study, run


def spec_of(data: PreparedData, name: str = "small", **training: Any) -> TrialSpec:
    return TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=PluginConfig(name="mel", options={"sample_rate": 8000}),
        model=PluginConfig(name=name),
        training=TrainingSettings(**{"epochs": 2, **training}),
        seed=0,
    )


def test_a_study_in_this_process_has_its_trials_and_finals(
    tmp_path: Path, data: PreparedData, registry: Registry, in_process: InProcessExecutor
) -> None:
    study, run = study_of(tmp_path, data, registry, models=("small",), trials=3, finalists=1)
    diary = Diary()
    assert run(in_process, diary) == Ending(trials=3, complete=3, interrupted=False)
    assert diary.phases == [("trials", 0, 3), ("finals", 0, 1)]
    assert diary.ended_runs == ["trial-0000", "trial-0001", "trial-0002", "final-1-seed-0"]
    assert study.finals()[0].result.test is not None and all(trial.result.test is None for trial in study.trials())
    assert not (study.folder / "logs").exists() and not list((tmp_path / "results").glob("mlflow*"))
    assert run(in_process, diary) == Ending(trials=3, complete=3, interrupted=False), "a resume has nothing to do"
    assert len(diary.ended_runs) == 4


def test_a_study_whose_trials_all_fail_stops_and_can_be_counted(
    tmp_path: Path, data: PreparedData, registry: Registry, in_process: InProcessExecutor
) -> None:
    _, run = study_of(tmp_path, data, registry, models=("faulty",), trials=SAME_FAILURES, finalists=0)
    with pytest.raises(
        BenchError, match=r"trials in a row failed, the last with: [\w./]+:\d+: KeyError: 'the cable is loose'"
    ):
        run(in_process, StudyCallback())
    assert run(in_process, StudyCallback()) == Ending(trials=SAME_FAILURES, complete=0, interrupted=False)


def test_a_worker_gives_the_same_digits_as_this_process(
    tmp_path: Path, data: PreparedData, registry: Registry, in_process: InProcessExecutor
) -> None:
    """With a model class of this very module, which the worker gets by value or imports."""
    job = Job("trial-0000", spec_of(data), data.without_test())
    workers = LocalExecutor(workers=1, device="cpu", log_folder=tmp_path / "logs", registry=registry, threads=1)
    outcomes = []
    try:
        for executor in (in_process, workers):
            while not executor.free:
                executor.events(timeout=0.2)
            executor.submit(job)
            while not (ended := [event for event in executor.events(0.2) if isinstance(event, Finished)]):
                pass
            outcomes.append(ended[0].outcome.result)
        workers.close()
    finally:
        workers.close(now=True)
    assert outcomes[0].status == "complete", outcomes[0].reason
    assert outcomes[0].validation == outcomes[1].validation
    assert [epoch.train_loss for epoch in outcomes[0].epochs] == [epoch.train_loss for epoch in outcomes[1].epochs]


def test_a_trial_in_this_process_is_stopped_after_its_epoch_and_threads_are_restored(
    data: PreparedData, registry: Registry
) -> None:
    before = torch.get_num_threads()
    executor = InProcessExecutor(registry=registry, device="cpu", threads=before + 1)
    job = Job("trial-0000", spec_of(data, epochs=50), data.without_test())
    executor.submit(job)
    assert executor.free == 0 and torch.get_num_threads() == before + 1
    assert isinstance(executor.events(0.0)[0], EpochDone)
    executor.stop(job)
    (ended,) = executor.events(0.0)
    assert isinstance(ended, Finished) and ended.outcome.result.status == "pruned"
    assert executor.free == 1 and executor.events(0.0) == []
    executor.close()
    assert torch.get_num_threads() == before


def test_decoded_audio_that_is_gone_blames_no_plugin(data: PreparedData, in_process: InProcessExecutor) -> None:
    for file in data.caches[8000].glob("*.npy"):
        file.unlink()
    in_process.submit(Job("trial-0000", spec_of(data), data.without_test()))
    with pytest.raises(BenchError, match=r"decoded audio of folder.*run the command again"):
        in_process.events(0.0)
    assert in_process.free == 1


def test_augmented_copies_are_made_in_this_process(
    tmp_path: Path,
    data: PreparedData,
    registry: Registry,
    in_process: InProcessExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.data.offline_augmentation.ChildProcess", None)
    settings = {"training.offline_copies": 2, "training.offline_pitch": 0.0, "feature.mel.sample_rate": 8000}
    _, run = study_of(tmp_path, data, registry, models=("small",), trials=1, finalists=0, settings=settings)
    assert run(in_process, StudyCallback()).complete == 1


def test_a_reproduction_is_saved_with_its_test(
    tmp_path: Path, data: PreparedData, registry: Registry, in_process: InProcessExecutor
) -> None:
    specs = tuple(spec_of(data).model_copy(update={"revision": "", "seed": seed}) for seed in (1, 2))
    wanted = Reproduction("mine", "mine", "recipe mine", data.dataset, specs, published=({}, {}))
    study = StudyFolder(tmp_path / "results" / "reproduce-mine")
    diary = Diary()
    runs = run_reproduction(wanted, data, study, in_process, registry=registry, callback=diary)
    assert [run.name for run in runs] == ["reproduction-1-seed-0", "reproduction-1-seed-1"] == diary.ended_runs
    assert study.reproduction_runs() == runs and all(run.result.test is not None for run in runs)
    failing = Reproduction("it", "it", "recipe it", data.dataset, (spec_of(data, "faulty"),), published=({},))
    with pytest.raises(
        BenchError, match=r"recipe it: reproduction-1-seed-0 failed, [\w./]+:\d+: KeyError: 'the cable is loose'"
    ):
        run_reproduction(failing, data, study, in_process, registry=registry, callback=diary)


def test_workers_that_cannot_start_stop_the_study_in_one_line(
    tmp_path: Path, data: PreparedData, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that ends every process but this one when it is imported; the line names the log, which says why."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"import os, sys\nif os.getpid() != {os.getpid()}:\n"
        "    print('driver version is insufficient', file=sys.stderr); os._exit(3)\n"
    )
    study, run = study_of(tmp_path, data, registry, models=("small",), trials=2, finalists=0)
    monkeypatch.setenv("PYTHONPATH", str(site))
    executor = LocalExecutor(workers=2, device="cpu", log_folder=study.folder / "logs", registry=registry)
    try:
        with pytest.raises(BenchError) as raised:
            run(executor, StudyCallback())
        assert executor.events(timeout=0.0) == []
    finally:
        executor.close(now=True)
    log = Path(str(raised.value).rpartition("see ")[2])
    assert str(raised.value).startswith("a worker cannot be started (its worker ended with exit code 3): see ")
    assert log.parent == study.folder / "logs" and log.read_text().count("insufficient") in range(1, local.STARTS + 1)


def test_a_run_whose_worker_is_killed_runs_again(
    tmp_path: Path, data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = IN_TURN.format(counter=str(tmp_path / "counter"))
    dying = "if turn() == 0:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    install(tmp_path / "plugins", "dying", counted + model("dying", dying), monkeypatch)
    monkeypatch.syspath_prepend(tmp_path / "plugins")
    registry = load()
    study, run = study_of(tmp_path, data, registry, models=("dying",), trials=1, finalists=0)
    executor = LocalExecutor(workers=1, device="cpu", log_folder=study.folder / "logs", registry=registry)
    diary = Diary()
    try:
        assert run(executor, diary) == Ending(trials=1, complete=1, interrupted=False)
    finally:
        executor.close(now=True)
    (note,) = diary.notes
    assert note.startswith("trial-0000: its worker was killed by SIGKILL") and "attempt 2 of 3" in note


def test_what_has_finished_is_saved_before_a_failing_executor_stops_the_study(
    tmp_path: Path, data: PreparedData, registry: Registry
) -> None:
    job = Job("trial-0000", spec_of(data), data)
    ended = Finished(job, TrialOutcome(TrialResult(status="complete")))
    executor, source = Mock(free=1, in_process=True), Mock()
    source.next.side_effect = [Assignment(job, "trial", 0), None]
    executor.events.side_effect = [BenchError("a worker cannot be started"), [ended]]
    study = StudyFolder(tmp_path / "mine")
    scheduler = Scheduler(study=study, executor=executor, registry=registry, callback=StudyCallback())
    with pytest.raises(BenchError, match="cannot be started"):
        scheduler.run(source)
    assert [trial.name for trial in study.trials()] == ["trial-0000"] and not source.ended.called


SCRIPT = """
import threading
from pathlib import Path
from typing import ClassVar
from torch import nn
from bench.executors.local import LocalExecutor
from bench.executors.jobs import Finished, Job
from bench.plugins import Model
from bench.plugins.registry import installed
from bench.data.prepared import PreparedData
from bench.trial import TrialSpec

print("script runs")

class Mean(nn.Module):
    def __init__(self, bands, classes):
        super().__init__()
        self.linear = nn.Linear(bands, classes)
    def forward(self, batch):
        return self.linear(batch.mean(-1))

class Mine(Model):
    '''A linear layer.'''
    name: ClassVar[str] = "mine"
    def build(self, shape, classes):
        return Mean(shape[0], classes)

def run():
    registry = installed().extended(models=[Mine])
    executor = LocalExecutor(workers=1, device="cpu", log_folder=Path("logs"), registry=registry, threads=1)
    try:
        while not executor.free:
            executor.events(0.2)
        data = PreparedData.model_validate_json(Path("data.json").read_text())
        executor.submit(Job("one", TrialSpec.model_validate_json(Path("spec.json").read_text()), data))
        while not (ended := [event for event in executor.events(0.2) if isinstance(event, Finished)]):
            pass
        print(ended[0].outcome.result.status, ended[0].outcome.result.reason)
        executor.close()
    finally:
        executor.close(now=True)

thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_a_script_on_standard_input_trains_its_own_model_by_workers_from_a_thread(
    tmp_path: Path, data: PreparedData
) -> None:
    """There is no file that a worker could run again, and the class is sent to it by value."""
    (tmp_path / "data.json").write_text(data.without_test().model_dump_json())
    (tmp_path / "spec.json").write_text(spec_of(data, "mine").model_dump_json())
    done = subprocess.run(
        [sys.executable], input=SCRIPT, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "script runs\ncomplete \n", (done.stderr, (tmp_path / "logs" / "worker-0.log").read_text())

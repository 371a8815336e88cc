"""What must hold of a study that was killed and resumed many times: every check gives lines on what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna

from bench.results.study_folder import StudyFolder, validation_score
from bench.results.study_records import RunRecord
from bench.search.failures import sampler_state
from bench.tracking import run_contents

MARK = "BENCH_SOAK"
"""Variable in the environment of every process of a soak, with its folder."""
CHECKED = (
    "the count of trials, no number twice, none lost, nothing done again; results folder, Optuna and MLflow agree run "
    "by run on parameters, metrics and status; no process and no temporary file is left"
)


def unchanged(study: StudyFolder, kept: Mapping[str, bytes]) -> Iterator[str]:
    """What was kept when a head was killed stays as it was."""
    for name, before in kept.items():
        path = study.folder / name / "run.json"
        if not path.is_file():
            yield f"{name} was kept and is gone"
        elif path.read_bytes() != before:
            yield f"{name} was kept and has been run again"


def disagreements(study: StudyFolder, wanted: int) -> Iterator[str]:
    """The results folder holds `wanted` trials, and Optuna and MLflow hold the same ones."""
    trials, finals = study.trials(), study.finals()
    lost = [run.name for run in trials if run.result.status == "lost"]
    if len(trials) - len(lost) != wanted:
        yield f"{len(trials) - len(lost)} trials count, not {wanted}"
    if lost:
        yield f"lost: {', '.join(lost)}"
    twice = [number for number, times in Counter(run.number for run in trials).items() if times > 1]
    if twice or sorted(run.number for run in trials) != list(range(len(trials))):
        yield f"trial numbers are not 0 to {len(trials) - 1}, each once"
    if not finals or any(run.result.test is None for run in finals):
        yield "the finals are not there"
    yield from _in_optuna(study, trials)
    yield from _in_mlflow(study, [*trials, *finals])


def leftovers(folder: Path) -> Iterator[str]:
    """Processes of a soak in `folder` that still run, and files there that were to be renamed or removed."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"{MARK}={folder}".encode() in _read(entry / "environ").split(b"\0"):
            yield f"process {entry.name} is left: {command_of(int(entry.name))!r}"
    for path in folder.rglob("*"):
        if path.name == ".lock" or path.name.startswith(
            "torchinductor_"
        ):  # torch's cache of what it compiles, one a user
            continue
        if path.name.startswith(".") or path.parent == folder / "tmp":
            yield f"temporary file {path.relative_to(folder)} is left"


def children(pid: int) -> list[int]:
    """Processes that `pid` started and that have not ended, and those that these started, as a template does workers."""
    own = [int(child) for child in _read(Path(f"/proc/{pid}/task/{pid}/children")).split()]
    return own + [grandchild for child in own for grandchild in children(child)]


def command_of(pid: int) -> bytes:
    """A process's command line."""
    return _read(Path(f"/proc/{pid}/cmdline"))


def _in_optuna(study: StudyFolder, trials: list[RunRecord]) -> Iterator[str]:
    """One Optuna trial a trial, with its state and value; attempts that a killed head left are FAIL besides."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{study.folder / 'optuna.db'}")
    asked: dict[int, list[optuna.trial.FrozenTrial]] = {}
    for frozen in optuna.load_study(study_name=study.name, storage=storage).trials:
        if frozen.state in (optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING):
            yield f"Optuna's trial {frozen.number} is {frozen.state.name}"
        if "number" in frozen.user_attrs:
            asked.setdefault(frozen.user_attrs["number"], []).append(frozen)
    for run in trials:
        state = sampler_state(run.result.status)
        told = [frozen for frozen in asked.pop(run.number, []) if frozen.state is state]
        if len(told) != 1:
            yield f"{run.name} is {len(told)} times {state.name} in Optuna"
            continue
        if run.result.status == "complete" and told[0].value != validation_score(run):
            yield f"{run.name} has value {told[0].value} in Optuna, {validation_score(run)} on disk"
        mine = _parameters(run)
        for name, value in told[0].params.items():
            if name in mine and str(mine[name]) != str(value):
                yield f"{run.name} has {name} {value} in Optuna, {mine[name]} on disk"
    for number, frozen in asked.items():
        yield f"Optuna has trial {number} ({[one.state.name for one in frozen]}), the results folder has not"


def _in_mlflow(study: StudyFolder, runs: list[RunRecord]) -> Iterator[str]:
    """One MLflow run a run, with its parameters, final metrics and status; the study's own has ended."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{study.folder.parent / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found: dict[str, list[Any]] = {}
    for kept in _pages(client, experiments):
        if kept.data.tags.get("bench.kind") == run_contents.SEEDS:
            continue
        found.setdefault(kept.data.tags.get("bench.run", "the study"), []).append(kept)
    if [parent.info.status for parent in found.pop("the study", [])] != ["FINISHED"]:
        yield "the study's own run in MLflow is not there once, finished"
    for run in runs:
        its = found.pop(run.name, [])
        if len(its) != 1:
            yield f"{run.name} is {len(its)} times in MLflow"
            continue
        if its[0].info.status != run_contents.RUN_STATUS[run.result.status]:
            yield f"{run.name} is {its[0].info.status} in MLflow, {run.result.status} on disk"
        if its[0].data.tags["bench.status"] != run.result.status:
            yield f"{run.name} has status {its[0].data.tags['bench.status']} in MLflow, {run.result.status} on disk"
        if its[0].data.params != run_contents.spec_parameters(run.spec, study.record().space):
            yield f"{run.name} has other parameters in MLflow than on disk"
        metrics = run_contents.run_metrics(run)
        if {name: its[0].data.metrics.get(name) for name in metrics} != metrics:
            yield f"{run.name} has other metrics in MLflow than on disk"
    yield from (f"MLflow has {name}, the results folder has not" for name in found)


def _pages(client: Any, experiments: list[str]) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs(experiments, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _parameters(run: RunRecord) -> dict[str, Any]:
    """By the names that the search gives them."""
    feature, model = run.spec.feature, run.spec.model
    return {
        "feature": feature.name,
        "model": model.name,
        **{f"feature.{feature.name}.{name}": value for name, value in feature.options.items()},
        **{f"model.{model.name}.{name}": value for name, value in model.options.items()},
        **{f"training.{name}": value for name, value in run.spec.training.model_dump(mode="json").items()},
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has just ended, or is another user's
        return b""

"""Writes the runs of a study to MLflow: a parent run per study, and below it a run per trial and per final.

Every call writes at once, and raises BenchError if MLflow did not accept it. A log_batch takes a few milliseconds; the
scheduler defers these calls to the time when its workers train.
"""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.errors import BenchError
from bench.passwords import without_password
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunKind, RunRecord, StudyRecord
from bench.sqlite import merge_wal
from bench.tracking import run_contents, tracking_store
from bench.tracking.registered_models import Destination, NetworkToRegister, register_version
from bench.trial import Epoch, TrialSpec

PARENT = "mlflow.parentRunId"
"""The run under which MLflow's UI shows another."""
STUDY_RUN = "bench.study_run"
"""The run of the study that a run belongs to, wherever the UI shows it."""
NOTE = "mlflow.note.content"
METRICS_PER_BATCH = 1000  # This and the next are limits of MLflow's REST API.
NAMES_PER_BATCH = 100


@dataclass
class OpenStudy:
    """A study that was started in this process."""

    record: StudyRecord
    experiment: str
    parent: str
    runs: dict[str, str] = field(default_factory=dict)
    """Id of the newest run by its name, such as `trial-0007`."""
    running: set[str] = field(default_factory=set)
    """Names of the runs that have not ended."""
    lost: set[str] = field(default_factory=set)
    """Names of the runs that an earlier process ended as lost."""
    gone: set[str] = field(default_factory=set)
    """Names of the runs that were marked as gone from the results folder."""


@dataclass(frozen=True)
class Reconciliation:
    """Names of the runs that `reconcile` corrected in MLflow."""

    logged: tuple[str, ...]
    """Runs that were finished on disk and are now logged as finished."""
    lost: tuple[str, ...]
    """Runs that a killed scheduler left running and that are now ended as lost."""


class Tracker:
    """Writes studies and runs to MLflow: to the database of the results folder, or to a server or database elsewhere.

    Every method raises BenchError if MLflow cannot be reached or does not accept a write.

    Args:
        results: The results folder.
        tracking_uri: Another store to write to; None for the results folder's own database.
    """

    def __init__(self, results: Path, *, tracking_uri: str | None = None) -> None:
        self.results = results.resolve()
        if tracking_uri is None:
            tracking_store.create_database(self.results)
            tracking_store.follow_moved_folder(self.results, even_if_running=True)
        self.uri = tracking_uri or tracking_store.default_uri(self.results)
        self._client: Any = tracking_store.open_client(self.uri)
        self._studies: dict[str, OpenStudy] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # The first error says more than one of closing.
            with suppress(BenchError):
                self.close()

    @property
    def remote(self) -> bool:
        """Whether the store is a server, which can be unreachable for a while, rather than a file."""
        return tracking_store.is_remote(self.uri)

    @property
    def display_uri(self) -> str:
        """Address of the store without a password."""
        return without_password(self.uri)

    def is_reachable(self) -> bool:
        """Returns whether the server listens. This takes 2 s at most, whereas a call to MLflow retries for 15 s."""
        return tracking_store.is_reachable(self.uri)

    def start_study(self, record: StudyRecord) -> None:
        """Creates the parent run of a study, or continues the one that it already has."""
        with tracking_store.translate_errors(self.uri, f"study {record.name}"):
            experiment = self._experiment(record)
            study = OpenStudy(record, experiment, self._parent(record, experiment))
            below = [run for tag in (PARENT, STUDY_RUN) for run in self._search(experiment, {tag: study.parent})]
            for run in below:
                if run.data.tags.get("bench.kind") == run_contents.SEEDS:
                    continue
                name = run.data.tags.get("bench.run", "")
                study.runs[name] = run.info.run_id
                if run.info.status in ("RUNNING", "SCHEDULED"):
                    study.running.add(name)
                elif run.data.tags.get("bench.status") in ("lost", "gone"):
                    {"lost": study.lost, "gone": study.gone}[run.data.tags["bench.status"]].add(name)
        self._studies[record.name] = study

    def start_run(
        self,
        study: str,
        name: str,
        spec: TrialSpec,
        *,
        kind: RunKind,
        number: int,
        repeat: int = 0,
        origin: str = "",
        started: str | None = None,
    ) -> str:
        """Creates a run below its study.

        An earlier attempt of the same name is deleted in MLflow and marked lost if it never ended, so that one run per
        name counts.

        Args:
            study: Name of a study that was started in this process.
            name: Name of the run, such as `trial-0007`.
            spec: Specification of the run, whose options become parameters.
            kind: Kind of the run.
            number: Number of the trial or final.
            repeat: Index of the seed of a final.
            origin: Source of the proposal.
            started: ISO 8601 time; now by default.

        Returns:
            MLflow's id of the run.
        """
        open_study = self._study(study)
        tags = {
            PARENT: open_study.parent,
            STUDY_RUN: open_study.parent,
            "bench.study": study,
            "bench.run": name,
            "bench.kind": kind,
            "bench.number": str(number),
            "bench.repeat": str(repeat),
            "bench.origin": origin,
            "bench.status": "running",
            "bench.configuration": spec.configuration(),
        }
        with tracking_store.translate_errors(self.uri, f"run {name}"):
            if name in open_study.runs:
                self._supersede(open_study, name)
            run_id = self._create_run(open_study.experiment, run_contents.run_title(name, spec), tags, started)
            self._log(run_id, parameters=run_contents.spec_parameters(spec, open_study.record.space))
        open_study.runs[name] = run_id
        open_study.running.add(name)
        return run_id

    def log_epoch(self, run_id: str, epoch: Epoch) -> None:
        """Adds one point to every curve of a run."""
        with tracking_store.translate_errors(self.uri, f"epoch {epoch.number}"):
            self._log(run_id, self._points(run_contents.epoch_metrics(epoch), epoch.number, _now()))

    def finish_run(self, run_id: str, run: RunRecord, folder: Path) -> None:
        """Logs the final metrics and every file of the run's folder, and ends the run.

        The status is written last, so that a run that has ended in MLflow is complete there.
        """
        with tracking_store.translate_errors(self.uri, f"run {run.name}"):
            self._log_files(run_id, _files(folder))
            # At step 0 the UI draws single figures as bars, elsewhere as curves of one point.
            summary = self._points(run_contents.run_metrics(run), 0, run_contents.milliseconds(run.finished))
            self._log(run_id, summary, tags=run_contents.run_tags(run))
            self._end(run_id, run_contents.RUN_STATUS[run.result.status], run.finished)
        if run.study in self._studies:
            self._studies[run.study].running.discard(run.name)

    def attach(self, study: str, name: str, files: Sequence[Path]) -> None:
        """Attaches files to a run of an open study, such as the report that was written after it had ended."""
        with tracking_store.translate_errors(self.uri, f"the files of run {name}"):
            self._log_files(self._study(study).runs[name], files)

    def finish_study(
        self,
        study: str,
        *,
        status: str = "complete",
        best: Mapping[str, float],
        artifacts: Sequence[Path] = (),
        reports: Mapping[str, str] | None = None,
        finals: Sequence[RunRecord] = (),
    ) -> None:
        """Ends the parent run of a study.

        Args:
            study: Name of the study.
            status: `complete`, `failed`, or another word for what stopped the study.
            best: What the study came to, by the names that MLflow gets.
            artifacts: Files to attach to the parent run; HTML files among them are linked to.
            reports: Names of files of runs that are linked to, too, by the names of the runs.
            finals: The finals, whose seeds are grouped by their configuration.
        """
        open_study = self._study(study)
        with tracking_store.translate_errors(self.uri, f"the end of study {study}"):
            self._group_seeds(open_study, finals)
            self._log_files(open_study.parent, artifacts)
            pages = [(file.name, open_study.parent, file.name) for file in artifacts if file.suffix == ".html"]
            pages += [
                (name, run_id, file)
                for name, file in (reports or {}).items()
                if (run_id := open_study.runs.get(name)) and self._has_file(run_id, file)
            ]
            parts = (
                run_contents.page_links(open_study.experiment, pages),
                run_contents.study_note(open_study.record),
                run_contents.study_result(status, best),
            )
            note = "\n\n".join(filter(None, parts))
            self._log(open_study.parent, self._points(best, 0, _now()), tags={"bench.status": status, NOTE: note})
            self._mark_running_as_lost(open_study, f"the study ended ({status}) before this run did")
            self._end(open_study.parent, run_contents.STUDY_STATUS.get(status, "KILLED"))
        del self._studies[study]

    def _group_seeds(self, open_study: OpenStudy, finals: Sequence[RunRecord]) -> None:
        """Shows the finals of a configuration under a run of their own, which has the means and deviations over seeds."""
        groups: dict[str, list[RunRecord]] = {}
        for run in finals:
            if run.result.status == "complete" and run.name in open_study.runs:
                groups.setdefault(run.spec.configuration(), []).append(run)
        for configuration, runs in groups.items():
            identity = {
                STUDY_RUN: open_study.parent,
                "bench.kind": run_contents.SEEDS,
                "bench.configuration": configuration,
            }
            known = self._search(open_study.experiment, identity)
            if known:
                group = str(known[0].info.run_id)
            else:
                tags = {PARENT: open_study.parent, "bench.study": open_study.record.name, **identity}
                first = min(run.started for run in runs)
                group = self._create_run(open_study.experiment, run_contents.seeds_title(runs), tags, first)
                parameters = run_contents.spec_parameters(runs[0].spec, open_study.record.space)
                self._log(group, parameters={name: value for name, value in parameters.items() if name != "seed"})
            points = self._points(run_contents.seeds_metrics(runs), 0, _now())
            self._log(
                group, points, tags={"bench.status": "complete", "bench.seeds": str(len({r.spec.seed for r in runs}))}
            )
            self._end(group, "FINISHED", max(run.finished for run in runs))
            for run in runs:
                self._log(open_study.runs[run.name], tags={PARENT: group})

    def interrupt_study(self, study: str, reason: str = "interrupted") -> None:
        """Ends the parent run and all its running runs as interrupted; a resume continues the parent run."""
        open_study = self._study(study)
        with tracking_store.translate_errors(self.uri, f"the end of study {study}"):
            self._mark_running_as_lost(open_study, reason)
            self._log(open_study.parent, tags={"bench.status": "interrupted", "bench.reason": reason})
            self._end(open_study.parent, "KILLED")
        del self._studies[study]

    def catch_up(self, study: StudyFolder, *, running: tuple[str, ...] = ()) -> Reconciliation:
        """Reads the runs again from a server that was unreachable, and logs the runs that finished meanwhile.

        Args:
            study: The study's folder.
            running: Names of the runs that are still running.
        """
        self._studies.pop(study.name, None)
        return self.reconcile(study, running=running)

    def reconcile(self, study: StudyFolder, *, running: tuple[str, ...] = ()) -> Reconciliation:
        """Brings MLflow up to date with the results folder after a scheduler that was killed.

        Runs that are finished on disk are logged, runs that were left running are ended as lost, and ended runs that are no
        longer on disk are marked as gone. The study is started first if this process has not done so.

        Args:
            study: The study's folder, whose records decide.
            running: Names of the runs that are still running.
        """
        if study.name not in self._studies:
            self.start_study(study.record())
        open_study = self._studies[study.name]
        logged = []
        stored = {run.name: run for run in (*study.trials(), *study.finals())}
        for run in stored.values():
            # A scheduler that had to stop at once may have marked runs as lost that it had already stored, and a folder
            # that was moved away may have been put back.
            wrongly_lost = run.name in open_study.gone or (run.name in open_study.lost and run.result.status != "lost")
            if run.name not in open_study.runs or run.name in open_study.running or wrongly_lost:
                self.log_finished_run(run, study)
                logged.append(run.name)
        with tracking_store.translate_errors(self.uri, f"study {study.name}"):
            known = {"", *stored, *running, *open_study.running, *open_study.lost, *open_study.gone}
            for name in sorted(open_study.runs.keys() - known):
                if name.startswith("reproduction-"):
                    continue
                self._mark(open_study.runs[name], "gone", "its folder is no longer in the results folder")
            lost = self._mark_running_as_lost(
                open_study, "its scheduler ended before it did", except_for=("reproduction-", *running)
            )
        return Reconciliation(tuple(logged), lost)

    def close(self) -> None:
        """Ends studies that were started and not finished as interrupted, and leaves the results folder's database whole."""
        for study in list(self._studies):
            self.interrupt_study(study)
        if self.uri == tracking_store.default_uri(self.results):
            self._client._tracking_client.store.engine.dispose()  # The last connection that closes removes the -wal.
            merge_wal(self.results / tracking_store.MLFLOW_DATABASE)

    def register(self, name: str, network: NetworkToRegister, record: StudyRecord) -> str:
        """Registers an exported network as a new version of a model, and logs it as that of its run if the store has that.

        Args:
            name: Name of the registered model.
            network: The network.
            record: The study of its run.

        Returns:
            `models:/NAME/VERSION`, which mlflow.pyfunc.load_model takes.
        """
        with tracking_store.translate_errors(self.uri, f"model {name}"):
            experiment = self._experiment(record)
            runs = [
                run
                for parent in self._search(experiment, {**run_contents.study_identity(record), "bench.kind": "study"})
                for tag in (PARENT, STUDY_RUN)
                for run in self._search(experiment, {tag: parent.info.run_id, "bench.run": network.run.name})
            ]
            run_id = str(runs[0].info.run_id) if runs else None
            parameters = run_contents.spec_parameters(network.run.spec, record.space)
            to = Destination(self.uri, experiment, run_id)
            return register_version(self._client, name, network, parameters, to)

    def log_finished_run(self, run: RunRecord, study: StudyFolder) -> None:
        """Logs a finished run from its record and replaces whatever an earlier attempt logged of it."""
        run_id = self.start_run(
            run.study,
            run.name,
            run.spec,
            kind=run.kind,
            number=run.number,
            repeat=run.repeat,
            origin=run.origin,
            started=run.started,
        )
        timestamp = run_contents.milliseconds(run.started)
        points = []
        for epoch in run.result.epochs:
            timestamp += round(epoch.seconds * 1000)
            points += self._points(run_contents.epoch_metrics(epoch), epoch.number, timestamp)
        with tracking_store.translate_errors(self.uri, f"run {run.name}"):
            self._log(run_id, points)
        self.finish_run(run_id, run, study.run_folder(run))
        if (report := study.report_folder(run)).is_dir():
            self.attach(run.study, run.name, _files(report))

    def _experiment(self, record: StudyRecord) -> str:
        """Returns the id of a data set's experiment, which is created if there is none."""
        from mlflow.exceptions import MlflowException

        name, tags = record.data.title, run_contents.experiment_tags(record.data.title, record.objective)
        folder = self.results / tracking_store.ARTIFACTS / re.sub(r"[^\w.-]+", "-", name)
        location = None if tracking_store.is_server(self.uri) else folder.as_uri()
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
            except MlflowException:  # Another process may have been quicker.
                experiment = self._client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        for key in tags.keys() - experiment.tags.keys():
            self._client.set_experiment_tag(experiment.experiment_id, key, tags[key])
        return str(experiment.experiment_id)

    def _parent(self, record: StudyRecord, experiment: str) -> str:
        """Returns the id of the study's parent run, which is created if there is none."""
        tags = {**run_contents.study_tags(record), NOTE: run_contents.study_note(record)}
        parent_runs = self._search(experiment, {**run_contents.study_identity(record), "bench.kind": "study"})
        for run in parent_runs[:1]:
            run_id = str(run.info.run_id)
            self._log(run_id, tags=tags)
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        run_id = self._create_run(experiment, record.name, tags, record.created)
        self._log(run_id, parameters=run_contents.study_parameters(record))
        return run_id

    def _create_run(self, experiment: str, title: str, tags: Mapping[str, str], started: str | None) -> str:
        start_time = run_contents.milliseconds(started) if started else _now()
        tags = {"mlflow.user": _user(), "mlflow.source.name": "bench", "mlflow.source.type": "LOCAL", **tags}
        return str(self._client.create_run(experiment, start_time, tags, title).info.run_id)

    def _search(self, experiment: str, tags: Mapping[str, str]) -> list[Any]:
        """Returns all runs of an experiment that have these tags and are not deleted."""
        condition = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([experiment], condition, page_token=token)
            runs.extend(page)
            token = page.token
            if not token:
                return runs

    def _supersede(self, open_study: OpenStudy, name: str) -> None:
        run_id = open_study.runs.pop(name)
        open_study.lost.discard(name)
        open_study.gone.discard(name)
        if name in open_study.running:
            self._mark_lost(run_id, "run again")
            open_study.running.discard(name)
        self._client.delete_run(run_id)

    def _mark_running_as_lost(
        self, open_study: OpenStudy, reason: str, except_for: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        lost = tuple(sorted(name for name in open_study.running if not (except_for and name.startswith(except_for))))
        for name in lost:
            self._mark_lost(open_study.runs[name], reason)
            open_study.running.discard(name)
            open_study.lost.add(name)
        return lost

    def _mark_lost(self, run_id: str, reason: str) -> None:
        self._mark(run_id, "lost", reason)
        self._end(run_id, run_contents.RUN_STATUS["lost"])

    def _mark(self, run_id: str, status: str, reason: str) -> None:
        self._log(run_id, tags={"bench.status": status, "bench.reason": reason})

    def _end(self, run_id: str, status: str, finished: str | None = None) -> None:
        self._client.set_terminated(run_id, status, run_contents.milliseconds(finished) if finished else _now())

    def _points(self, metrics: Mapping[str, float], step: int, timestamp: int) -> list[Any]:
        from mlflow.entities import Metric

        return [Metric(name, value, timestamp, step) for name, value in metrics.items()]

    def _log(
        self,
        run_id: str,
        metrics: Sequence[Any] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Logs everything in as few batches as MLflow's limits allow."""
        from mlflow.entities import Param, RunTag

        params = [Param(name, value) for name, value in (parameters or {}).items()]
        mlflow_tags = [RunTag(name, value) for name, value in (tags or {}).items()]
        while metrics or params or mlflow_tags:
            batch_size = METRICS_PER_BATCH - 2 * NAMES_PER_BATCH
            self._client.log_batch(
                run_id, metrics[:batch_size], params[:NAMES_PER_BATCH], mlflow_tags[:NAMES_PER_BATCH]
            )
            metrics, params, mlflow_tags = metrics[batch_size:], params[NAMES_PER_BATCH:], mlflow_tags[NAMES_PER_BATCH:]

    def _log_files(self, run_id: str, files: Iterable[Path]) -> None:
        for file in files:
            self._client.log_artifact(run_id, str(file))

    def _has_file(self, run_id: str, name: str) -> bool:
        return any(file.path == name for file in self._client.list_artifacts(run_id))

    def _study(self, name: str) -> OpenStudy:
        if name not in self._studies:
            raise BenchError(f"study {name} is not open in MLflow: start it before its runs")
        return self._studies[name]


def _files(folder: Path) -> list[Path]:
    """Returns a folder's files, except for those that start with a dot and are half written."""
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _now() -> int:
    return round(time.time() * 1000)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no entry in /etc/passwd.
        return "unknown"

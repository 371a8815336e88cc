"""The study's run tree in MLflow: a parent run per study, below it a run per trial and per final.

Every call writes at once and raises BenchError where MLflow did not take it. A log_batch costs a few milliseconds; the head
makes its calls while its workers train.
"""

from __future__ import annotations

import getpass
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
from bench.results.study_records import Kind, RunRecord, StudyRecord
from bench.tracking import run_contents, tracking_store
from bench.trial import Epoch, TrialSpec

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
METRICS_PER_BATCH = 1000  # limits of MLflow's REST API
NAMES_PER_BATCH = 100


@dataclass
class OpenStudy:
    """A study that was started in this process."""

    record: StudyRecord
    experiment: str
    parent: str
    runs: dict[str, str] = field(default_factory=dict)
    """Run id by run name (`trial-0007`): the one that counts."""
    running: set[str] = field(default_factory=set)
    """Names of the runs that have not ended."""
    lost: set[str] = field(default_factory=set)
    """Names of the runs that an earlier process ended as lost."""


@dataclass(frozen=True)
class Reconciled:
    """What `reconcile` had to mend, by run name."""

    logged: tuple[str, ...]
    """Finished on disk, now finished in MLflow."""
    lost: tuple[str, ...]
    """Left running by a head that died, now ended."""


class Tracker:
    """MLflow as the head sees it: the database of the results folder, or the server or database at `tracking_uri`.

    Every method raises BenchError where MLflow cannot be reached or does not take what it is given.
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
        else:  # the error on its way says more than one of tidying up
            with suppress(BenchError):
                self.close()

    @property
    def remote(self) -> bool:
        """Whether it is a server, which can be away for a while, rather than a file."""
        return tracking_store.is_remote(self.uri)

    @property
    def shown(self) -> str:
        """Its address without a password."""
        return without_password(self.uri)

    def reachable(self) -> bool:
        """Whether somebody listens there: found out within 2 seconds, where a call would try for a quarter of a minute."""
        return tracking_store.is_reachable(self.uri)

    def start_study(self, record: StudyRecord) -> None:
        """Makes the parent run, or takes up the one that this very study already has."""
        with tracking_store.reported(self.uri, f"study {record.name}"):
            experiment = self._experiment(record.dataset.name)
            study = OpenStudy(record, experiment, self._parent(record, experiment))
            for run in self._search(experiment, {PARENT: study.parent}):
                name = run.data.tags.get("bench.run", "")
                study.runs[name] = run.info.run_id
                if run.info.status in ("RUNNING", "SCHEDULED"):
                    study.running.add(name)
                elif run.data.tags.get("bench.status") == "lost":
                    study.lost.add(name)
        self._studies[record.name] = study

    def start_run(
        self,
        study: str,
        name: str,
        spec: TrialSpec,
        *,
        kind: Kind,
        number: int,
        repeat: int = 0,
        origin: str = "",
        started: str | None = None,
    ) -> str:
        """Makes a run below its study and returns its id. `started` (ISO 8601) is now where it is not given.

        An earlier attempt of the same name goes to MLflow's bin, marked lost if it never ended: one run per name counts.
        """
        its = self._study(study)
        tags = {
            PARENT: its.parent,
            "bench.study": study,
            "bench.run": name,
            "bench.kind": kind,
            "bench.number": str(number),
            "bench.repeat": str(repeat),
            "bench.origin": origin,
            "bench.status": "running",
            "bench.configuration": spec.configuration(),
        }
        with tracking_store.reported(self.uri, f"run {name}"):
            if name in its.runs:
                self._supersede(its, name)
            run_id = self._create_run(its.experiment, run_contents.run_title(name, spec), tags, started)
            self._log(run_id, parameters=run_contents.spec_parameters(spec))
        its.runs[name] = run_id
        its.running.add(name)
        return run_id

    def log_epoch(self, run_id: str, epoch: Epoch) -> None:
        """Adds one point to every curve of the run."""
        with tracking_store.reported(self.uri, f"epoch {epoch.number}"):
            self._log(run_id, self._points(run_contents.epoch_metrics(epoch), epoch.number, _now()))

    def finish_run(self, run_id: str, run: RunRecord, folder: Path, artifacts: Sequence[Path] = ()) -> None:
        """Logs the summary, every file of the run's folder and `artifacts`, and ends the run.

        Its status goes last, so that a run that has ended in MLflow is whole there.
        """
        with tracking_store.reported(self.uri, f"run {run.name}"):
            self._log_files(run_id, (*_files(folder), *artifacts))
            # At step 0 the UI draws single figures as bars, elsewhere as curves of one point.
            summary = self._points(run_contents.run_metrics(run), 0, run_contents.milliseconds(run.finished))
            self._log(run_id, summary, tags=run_contents.run_tags(run))
            self._end(run_id, run_contents.RUN_STATUS[run.result.status], run.finished)
        if run.study in self._studies:
            self._studies[run.study].running.discard(run.name)

    def finish_study(
        self, study: str, *, status: str = "complete", best: Mapping[str, float], artifacts: Sequence[Path] = ()
    ) -> None:
        """Ends the parent run. `status`: complete, failed, or whatever else stopped it; `best`: metric name to value."""
        its = self._study(study)
        with tracking_store.reported(self.uri, f"the end of study {study}"):
            self._log_files(its.parent, artifacts)
            note = f"{run_contents.study_note(its.record)}\n\n{run_contents.study_result(status, best)}"
            self._log(its.parent, self._points(best, 0, _now()), tags={"bench.status": status, NOTE: note})
            self._end_lost(its, f"the study ended ({status}) before this run did")
            self._end(its.parent, run_contents.STUDY_STATUS.get(status, "KILLED"))
        del self._studies[study]

    def interrupt_study(self, study: str, reason: str = "interrupted") -> None:
        """Ends the parent run and every run that is still going, as stopped from outside; a resume takes it up again."""
        its = self._study(study)
        with tracking_store.reported(self.uri, f"the end of study {study}"):
            self._end_lost(its, reason)
            self._log(its.parent, tags={"bench.status": "interrupted", "bench.reason": reason})
            self._end(its.parent, "KILLED")
        del self._studies[study]

    def catch_up(self, study: StudyFolder, *, running: tuple[str, ...] = ()) -> Reconciled:
        """After a server that was away: reads again what it has, and logs runs that finished meanwhile. `running`: names of
        those that go on."""
        self._studies.pop(study.name, None)
        return self.reconcile(study, running=running)

    def reconcile(self, study: StudyFolder, *, running: tuple[str, ...] = ()) -> Reconciled:
        """After a head that died: logs runs that finished on disk and not in MLflow, and ends those left running, but for
        those named in `running`.

        What is on disk decides. Starts the study where this process has not yet.
        """
        if study.name not in self._studies:
            self.start_study(study.record())
        its = self._studies[study.name]
        logged = []
        for run in (*study.trials(), *study.finals()):
            # A head that was told to stop at once can have ended as lost what it had kept already.
            wrongly_lost = run.name in its.lost and run.result.status != "lost"
            if run.name not in its.runs or run.name in its.running or wrongly_lost:
                self.log_whole(run, study)
                logged.append(run.name)
        with tracking_store.reported(self.uri, f"study {study.name}"):
            lost = self._end_lost(its, "its head process ended before it did", spare=("reproduction-", *running))
        return Reconciled(tuple(logged), lost)

    def close(self) -> None:
        """Ends what was started and not finished as interrupted."""
        for study in list(self._studies):
            self.interrupt_study(study)

    def log_whole(self, run: RunRecord, study: StudyFolder) -> None:
        """A finished run from its record: whatever an earlier attempt logged of it is superseded."""
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
        moment = run_contents.milliseconds(run.started)
        points = []
        for epoch in run.result.epochs:
            moment += round(epoch.seconds * 1000)
            points += self._points(run_contents.epoch_metrics(epoch), epoch.number, moment)
        with tracking_store.reported(self.uri, f"run {run.name}"):
            self._log(run_id, points)
        report = study.report_folder(run)
        self.finish_run(run_id, run, study.run_folder(run), _files(report) if report.is_dir() else ())

    def _experiment(self, name: str) -> str:
        """The experiment of a data set, made where it is not there; its id."""
        from mlflow.exceptions import MlflowException

        tags = run_contents.experiment_tags(name)
        location = (
            None if tracking_store.is_server(self.uri) else (self.results / tracking_store.ARTIFACTS / name).as_uri()
        )
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
            except MlflowException:  # another head may have been quicker
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        for key in tags.keys() - found.tags.keys():
            self._client.set_experiment_tag(found.experiment_id, key, tags[key])
        return str(found.experiment_id)

    def _parent(self, record: StudyRecord, experiment: str) -> str:
        """The study's own run, new or taken up again; its id."""
        tags = {**run_contents.study_tags(record), NOTE: run_contents.study_note(record)}
        found = self._search(experiment, {**run_contents.study_identity(record), "bench.kind": "study"})
        for run in found[:1]:
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
        """All runs of an experiment with these tags, but for those in the bin."""
        condition = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found: list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([experiment], condition, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _supersede(self, its: OpenStudy, name: str) -> None:
        run_id = its.runs.pop(name)
        if name in its.running:
            self._mark_lost(run_id, "run again")
            its.running.discard(name)
        self._client.delete_run(run_id)

    def _end_lost(self, its: OpenStudy, reason: str, spare: tuple[str, ...] = ()) -> tuple[str, ...]:
        lost = tuple(sorted(name for name in its.running if not (spare and name.startswith(spare))))
        for name in lost:
            self._mark_lost(its.runs[name], reason)
            its.running.discard(name)
        return lost

    def _mark_lost(self, run_id: str, reason: str) -> None:
        self._log(run_id, tags={"bench.status": "lost", "bench.reason": reason})
        self._end(run_id, run_contents.RUN_STATUS["lost"])

    def _end(self, run_id: str, status: str, finished: str | None = None) -> None:
        self._client.set_terminated(run_id, status, run_contents.milliseconds(finished) if finished else _now())

    def _points(self, metrics: Mapping[str, float], step: int, moment: int) -> list[Any]:
        from mlflow.entities import Metric

        return [Metric(name, value, moment, step) for name, value in metrics.items()]

    def _log(
        self,
        run_id: str,
        metrics: Sequence[Any] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One log_batch, or as many as the limits ask for."""
        from mlflow.entities import Param, RunTag

        params = [Param(name, value) for name, value in (parameters or {}).items()]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        while metrics or params or labels:
            room = METRICS_PER_BATCH - 2 * NAMES_PER_BATCH
            self._client.log_batch(run_id, metrics[:room], params[:NAMES_PER_BATCH], labels[:NAMES_PER_BATCH])
            metrics, params, labels = metrics[room:], params[NAMES_PER_BATCH:], labels[NAMES_PER_BATCH:]

    def _log_files(self, run_id: str, files: Iterable[Path]) -> None:
        for file in files:
            self._client.log_artifact(run_id, str(file))

    def _study(self, name: str) -> OpenStudy:
        if name not in self._studies:
            raise BenchError(f"study {name} is not open in MLflow: start it before its runs")
        return self._studies[name]


def _files(folder: Path) -> list[Path]:
    """A folder's files; those with a dot in front are half written."""
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _now() -> int:
    return round(time.time() * 1000)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return "unknown"

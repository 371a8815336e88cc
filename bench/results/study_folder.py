"""Reads and writes the results folder:

RESULTS/mlflow.db, RESULTS/artifacts/      MLflow's own
RESULTS/STUDY/study.json, optuna.db        the study
RESULTS/STUDY/trial-0007/                  run.json, validation.npz, traceback.txt
RESULTS/STUDY/final-1-seed-0/              the same with test.npz, weights.pt and report/
RESULTS/reproduce-NAME/reproduction.json   a row or a recipe that was run again, and what was published of it
RESULTS/reproduce-NAME/reproduction-1-seed-0/   its runs, as finals have them
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import BenchError, did_you_mean
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.plugins import Split
from bench.plugins.registry import first_complaint
from bench.results.study_records import SCHEMA_VERSION, ReproductionRecord, RunRecord, StudyRecord
from bench.trial import TrialOutcome

Record = TypeVar("Record", bound=BaseModel)

RESERVED_NAMES = ("artifacts", "leaderboards")
"""Folders of a results folder that are no studies."""
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class StudyFolder:
    """The folder of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    def exists(self) -> bool:
        """Whether a study was started here."""
        return (self.folder / "study.json").is_file()

    def record(self) -> StudyRecord:
        """Raises BenchError where the record is missing or damaged."""
        return _read(self.folder / "study.json", StudyRecord)

    def write(self, record: StudyRecord) -> None:
        """Writes study.json."""
        write_atomically(self.folder / "study.json", record.model_dump_json(indent=1))

    def save(self, run: RunRecord, outcome: TrialOutcome) -> Path:
        """Writes a finished run; its run.json goes last, so that a run that has one is whole. Returns its folder."""
        folder = self.run_folder(run)
        if outcome.validation is not None:
            outcome.validation.save(folder / "validation.npz")
        if outcome.test is not None:
            outcome.test.save(folder / "test.npz")
        if outcome.weights is not None:
            write_atomically(folder / "weights.pt", outcome.weights)
        if run.result.traceback:
            write_atomically(folder / "traceback.txt", run.result.traceback)
        write_atomically(folder / "run.json", run.model_dump_json(indent=1))
        return folder

    def run_folder(self, run: RunRecord) -> Path:
        """Where a run's files are."""
        return self.folder / run.name

    def report_folder(self, run: RunRecord) -> Path:
        """Where a run's report is, unless its reader asked for another place."""
        return self.run_folder(run) / "report"

    def trials(self) -> list[RunRecord]:
        """Finished trials by number."""
        return self._runs("trial-*")

    def finals(self) -> list[RunRecord]:
        """Finished finals by rank and seed."""
        return self._runs("final-*")

    def repeats(self) -> list[RunRecord]:
        """Finished runs of a row or a recipe, by seed."""
        return self._runs("reproduction-*")

    def is_reproduction(self) -> bool:
        """Whether a row or a recipe was run again here, rather than a study."""
        return (self.folder / "reproduction.json").is_file()

    def reproduction(self) -> ReproductionRecord:
        """What the folder of a reproduction is about. Raises BenchError where that is missing or damaged."""
        return _read(self.folder / "reproduction.json", ReproductionRecord)

    def write_reproduction(self, record: ReproductionRecord) -> None:
        """Writes reproduction.json."""
        write_atomically(self.folder / "reproduction.json", record.model_dump_json(indent=1))

    def predictions(self, run: RunRecord, split: Split) -> Predictions:
        """Per-clip predictions of a run. Raises BenchError where they are missing or damaged."""
        return Predictions.load(self.run_folder(run) / f"{split}.npz")

    def _runs(self, pattern: str) -> list[RunRecord]:
        runs = [_read(path, RunRecord) for path in self.folder.glob(f"{pattern}/run.json")]
        return sorted(runs, key=lambda run: (run.number, run.repeat))


def open_study(results: Path, name: str) -> StudyFolder:
    """An existing study by name. Raises BenchError with the nearest names where there is none."""
    study = StudyFolder(results / checked_name(name))
    if not study.exists():
        known = [found.name for found in studies(results)]
        what = did_you_mean(name, known) if known else "it holds none; name another folder with --results"
        raise BenchError(f"no study {name!r} in {results}: {what}")
    return study


def checked_name(name: str) -> str:
    """`name` where it can be a folder's. Raises BenchError otherwise."""
    if name in RESERVED_NAMES:
        raise BenchError(f"study name {name!r} is that of another folder in the results folder: choose another")
    if not STUDY_NAME.fullmatch(name):
        raise BenchError(f"study name {name!r}: use letters, digits, '.', '_' and '-' only, at most 100")
    return name


def studies(results: Path) -> list[StudyFolder]:
    """All studies of a results folder, by name."""
    return [StudyFolder(path.parent) for path in sorted(results.glob("*/study.json"))]


def reproductions(results: Path) -> list[StudyFolder]:
    """All rows and recipes of a results folder that were run again, by name."""
    return [StudyFolder(path.parent) for path in sorted(results.glob("*/reproduction.json"))]


def find_run(results: Path, reference: str) -> tuple[StudyFolder, RunRecord]:
    """A run by `STUDY/trial-0007` or `STUDY/final-1-seed-0`; `STUDY` alone is its best final, or else its best trial.

    Raises BenchError where there is none.
    """
    study_name, _, run_name = reference.partition("/")
    study = StudyFolder(results / checked_name(study_name))
    if not study.is_reproduction():
        study = open_study(results, study_name)
    runs = study.repeats() + study.finals() + study.trials()
    if not run_name:
        complete = [run for run in runs if run.result.status == "complete"]
        if not complete:
            raise BenchError(f"study {study_name!r} has no complete run yet: bench run --resume {study_name}")
        finals = [run for run in complete if run.kind != "trial"]
        return study, max(finals or complete, key=validation_score)
    for run in runs:
        if run.name == run_name:
            return study, run
    raise BenchError(f"no run {run_name!r} in study {study_name}: {did_you_mean(run_name, [run.name for run in runs])}")


def validation_score(run: RunRecord) -> float:
    """The run's objective on the validation split; minus infinity where it has none. Higher is better."""
    scores = run.result.validation
    return float("-inf") if scores is None else float(getattr(scores, run.spec.objective))


def _read(path: Path, kind: type[Record]) -> Record:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}): check its mode and the disk") from None
    except ValidationError as error:
        if newer := [found["input"] for found in error.errors() if found["loc"] == ("schema_version",)]:
            raise BenchError(
                f"{path} is of another version of bench (schema {newer[0]}, this one reads {SCHEMA_VERSION}): "
                "install the version that wrote it"
            ) from None
        if kind is RunRecord:
            todo = "restore it, or move its folder away, and bench run --resume makes up for it"
        else:
            todo = "restore it, or move the study's folder away"
        raise BenchError(f"{path} is damaged ({first_complaint(error)[:200]}): {todo}") from None

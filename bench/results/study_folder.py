"""Reads and writes the results folder, which has this layout:

RESULTS/mlflow.db, RESULTS/artifacts/      MLflow's database and artifacts
RESULTS/STUDY/study.json, optuna.db        the study
RESULTS/STUDY/trial-0007/                  run.json, validation.npz, traceback.txt
RESULTS/STUDY/final-1-seed-0/              the same with test.npz, weights.safetensors, model.json and report/, with
                                           --robustness test-*.npz; with several outer folds final-1-fold-theo-seed-0/
RESULTS/reproduce-NAME/reproduction.json   a row or a recipe that was run again, and its published figures
RESULTS/reproduce-NAME/reproduction-1-seed-0/   its runs, as finals have them
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import BenchError, did_you_mean
from bench.evaluation.predictions import Predictions
from bench.files import results_directory, write_atomically
from bench.plugins import Split
from bench.plugins.registry import first_complaint
from bench.results.study_records import ReproductionRecord, RunRecord, StudyRecord
from bench.trial import TrialOutcome
from bench.trial.conditions import CONDITIONS
from bench.trial.weights import WEIGHTS

Record = TypeVar("Record", bound=BaseModel)

RESERVED_NAMES = ("artifacts", "leaderboards", "mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal")
"""Files and folders of a results folder that hold something other than a study."""
HTML_REPORT = "report.html"
"""Name of the HTML file in the folder of a run's report."""
ROUNDING = 1e-9
"""Difference of two accuracies of the same predictions, computed by different code."""
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class StudyFolder:
    """The folder of one study or reproduction, from which its records are read and to which they are written.

    Every method that reads a record raises BenchError if the record is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    def exists(self) -> bool:
        """Returns whether a study was started in this folder."""
        return (self.folder / "study.json").is_file()

    def record(self) -> StudyRecord:
        """Reads study.json. Its name is that of its folder, which may have been renamed or copied."""
        return read_record(self.folder / "study.json", StudyRecord).model_copy(update={"name": self.name})

    def write(self, record: StudyRecord) -> None:
        """Writes study.json."""
        write_atomically(self.folder / "study.json", record.model_dump_json(indent=1))

    def save(self, run: RunRecord, outcome: TrialOutcome) -> Path:
        """Writes a finished run and returns its folder.

        Its run.json is written last, so that a run that has one is complete on disk.
        """
        folder = self.run_folder(run)
        if outcome.validation is not None:
            outcome.validation.save(folder / "validation.npz")
        if outcome.test is not None:
            outcome.test.save(folder / "test.npz")
        self.save_robustness(run, outcome.robustness)
        if outcome.model is not None:
            write_atomically(folder / "model.json", outcome.model.model_dump_json(indent=1))
        if outcome.weights is not None:
            write_atomically(folder / WEIGHTS, outcome.weights)
        if run.result.traceback:
            write_atomically(folder / "traceback.txt", run.result.traceback)
        write_atomically(folder / "run.json", run.model_dump_json(indent=1))
        return folder

    def run_folder(self, run: RunRecord) -> Path:
        """Returns the folder of a run's files."""
        return self.folder / run.name

    def report_folder(self, run: RunRecord) -> Path:
        """Returns the default folder of a run's report."""
        return self.run_folder(run) / "report"

    def trials(self, fold: str | None = None) -> list[RunRecord]:
        """Reads the finished trials, of one outer fold if it is named, sorted by number."""
        return [run for run in self._runs("trial-*") if fold is None or run.spec.fold == fold]

    def finals(self) -> list[RunRecord]:
        """Reads the finished finals, sorted by rank, outer fold and seed."""
        return self._runs("final-*")

    def reproduction_runs(self) -> list[RunRecord]:
        """Reads the finished runs of a reproduction, sorted by seed."""
        return self._runs("reproduction-*")

    def is_reproduction(self) -> bool:
        """Returns whether this folder holds a reproduction of a row or a recipe rather than a study."""
        return (self.folder / "reproduction.json").is_file()

    def reproduction(self) -> ReproductionRecord:
        """Reads reproduction.json."""
        return read_record(self.folder / "reproduction.json", ReproductionRecord)

    def write_reproduction(self, record: ReproductionRecord) -> None:
        """Writes reproduction.json."""
        write_atomically(self.folder / "reproduction.json", record.model_dump_json(indent=1))

    def predictions(self, run: RunRecord, split: Split) -> Predictions:
        """Reads the per-clip predictions of a run on one split.

        Raises:
            BenchError: If they cannot be read, or are not those that its record has the scores of.
        """
        path = self.run_folder(run) / f"{split}.npz"
        predictions = Predictions.load(path)
        recorded = {"validation": run.result.validation, "test": run.result.test}.get(split)
        accuracy = float((predictions.predicted == predictions.targets).mean())
        if recorded is not None and (
            recorded.clips != len(predictions.ids) or abs(recorded.accuracy - accuracy) > ROUNDING
        ):
            raise BenchError(
                f"{path.with_name('run.json')} has the {split} accuracy {recorded.accuracy:.4f} of {recorded.clips:,}, "
                f"and {path.name} beside it gives {accuracy:.4f} of {len(predictions.ids):,} clips: one was changed; "
                "restore it, or move the run's folder away"
            )
        return predictions

    def save_robustness(self, run: RunRecord, predictions: Mapping[str, Predictions]) -> None:
        """Writes the per-clip predictions of a run on the test split under conditions, by their names."""
        for condition, under_it in predictions.items():
            under_it.save(self.run_folder(run) / f"test-{condition}.npz")

    def robustness(self, run: RunRecord) -> dict[str, Predictions]:
        """Reads what `save_robustness` wrote, in the order of the conditions; empty if the run was not tested so."""
        paths = {name: self.run_folder(run) / f"test-{name}.npz" for name in CONDITIONS}
        return {name: Predictions.load(path) for name, path in paths.items() if path.is_file()}

    def _runs(self, pattern: str) -> list[RunRecord]:
        runs = [read_record(path, RunRecord) for path in self.folder.glob(f"{pattern}/run.json")]
        runs = [run.model_copy(update={"study": self.name}) for run in runs]
        return sorted(runs, key=lambda run: (run.number, run.spec.fold, run.repeat))


def located(reference: str | PathLike[str]) -> tuple[Path, str]:
    """Finds a study or a run that is given by its folder, or by its name in the results folder.

    Args:
        reference: `bench-results/fsdd-1`, `bench-results/fsdd-1/final-1-seed-0`, `fsdd-1`, `fsdd-1/final-1`.

    Returns:
        The results folder, and the name in it: `STUDY` or `STUDY/RUN`. Whether they exist is not checked.

    Raises:
        BenchError: It is neither text nor a path.
    """
    if not isinstance(reference, str | PathLike):
        raise BenchError(f"a study or a run is given by its folder or its name, not by {reference!r}")
    path = Path(reference).expanduser()
    for study in (path, path.parent):
        if any((study / name).is_file() for name in ("study.json", "reproduction.json")):
            results = study.absolute().parent
            return results, path.absolute().relative_to(results).as_posix()
    if path.is_absolute() or (path.parent != Path() and path.parent.is_dir()):
        return path.parent.absolute(), path.name
    return results_directory(None).absolute(), str(reference)


def open_study(results: Path, name: str) -> StudyFolder:
    """Returns an existing study by name.

    Raises:
        BenchError: There is no study of this name; the message lists the closest names.
    """
    study = StudyFolder(results / checked_name(name))
    if not study.exists():
        known_names = [known.name for known in studies(results)]
        hint = did_you_mean(name, known_names) if known_names else "it holds none; name another folder with --results"
        raise BenchError(f"no study {name!r} in {results}: {hint}")
    return study


def checked_name(name: str) -> str:
    """Returns `name` unchanged after checking that a study's folder can have it.

    Raises:
        BenchError: The name is reserved or holds characters that a folder's name should not have.
    """
    if name in RESERVED_NAMES:
        raise BenchError(f"study name {name!r} is that of another file or folder in the results folder: choose another")
    if not STUDY_NAME.fullmatch(name):
        raise BenchError(f"study name {name!r}: use letters, digits, '.', '_' and '-' only, at most 100")
    return name


def free_name(results: Path, dataset: str, *, taken: Collection[str] = ()) -> str:
    """Returns a name for a new study: the data set's, and the first number that is free here and not `taken`."""
    slug = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in dataset).strip("-._") or "study"
    number = 1
    while (results / f"{slug}-{number}").exists() or f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"


def studies(results: Path) -> list[StudyFolder]:
    """Returns all studies of a results folder, sorted by name."""
    return [StudyFolder(path.parent) for path in sorted(results.glob("*/study.json"))]


def reproductions(results: Path) -> list[StudyFolder]:
    """Returns the folders of all reproductions in a results folder, sorted by name."""
    return [StudyFolder(path.parent) for path in sorted(results.glob("*/reproduction.json"))]


def find_run(results: Path, reference: str) -> tuple[StudyFolder, RunRecord]:
    """Returns a run and its study by a reference such as `STUDY/trial-0007` or `STUDY/final-1-seed-0`.

    `STUDY` alone refers to its configuration with the best validation score, and `STUDY/final-2` to that of the second
    finalist, each to the seed that stands for all of them (`median_run`); a study without finals to its best trial.

    Raises:
        BenchError: There is no such run.
    """
    study_name, _, run_name = reference.partition("/")
    study = StudyFolder(results / checked_name(study_name))
    if not study.is_reproduction():
        study = open_study(results, study_name)
    runs = study.reproduction_runs() + study.finals() + study.trials()
    if not run_name:
        complete_runs = [run for run in runs if run.result.status == "complete"]
        if not complete_runs:
            raise BenchError(f"study {study_name!r} has no complete run yet: bench run --resume {study_name}")
        finals = [run for run in complete_runs if run.kind != "trial"]
        return study, _typical(_best_configuration(finals)) if finals else max(complete_runs, key=validation_score)
    if alike := [
        run for run in runs if run.name.rpartition("-seed-")[0] == run_name and run.result.status == "complete"
    ]:
        return study, median_run(alike)
    for run in runs:
        if run.name == run_name:
            return study, run
    raise BenchError(f"no run {run_name!r} in study {study_name}: {did_you_mean(run_name, [run.name for run in runs])}")


def median_run(runs: Sequence[RunRecord]) -> RunRecord:
    """Returns the run that stands for several of one configuration: the median by the score that ranks, on the test split
    if all were tested and else on validation; of an even number the lower of the two in the middle."""
    tested = all(run.result.test is not None for run in runs)

    def key(run: RunRecord) -> tuple[float, int]:
        scores = run.result.test if tested else run.result.validation
        return float("-inf") if scores is None else float(getattr(scores, run.spec.objective)), run.repeat

    return sorted(runs, key=key)[(len(runs) - 1) // 2]


def _typical(runs: Sequence[RunRecord]) -> RunRecord:
    """Returns the median seed of the outer fold that has the median run."""
    fold = median_run(runs).spec.fold
    return median_run([run for run in runs if run.spec.fold == fold])


def _best_configuration(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs of the configuration that ranks first: by its mean validation score, then by its mean loss."""
    by_configuration: dict[str, list[RunRecord]] = {}
    for run in runs:
        by_configuration.setdefault(run.spec.configuration(), []).append(run)

    def key(alike: list[RunRecord]) -> tuple[float, float]:
        losses = [run.result.validation.loss for run in alike if run.result.validation is not None]
        return fmean(map(validation_score, alike)), -fmean(losses or [0.0])

    return max(by_configuration.values(), key=key)


def validation_score(run: RunRecord) -> float:
    """Returns the run's objective on the validation split, higher being better; minus infinity if it was not scored."""
    scores = run.result.validation
    return float("-inf") if scores is None else float(getattr(scores, run.spec.objective))


def read_record(path: Path, record_type: type[Record]) -> Record:
    """Reads a record. Raises BenchError if it is missing, damaged or of another version."""
    try:
        return record_type.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}): check its mode and the disk") from None
    except ValidationError as error:
        if versions := [detail["input"] for detail in error.errors() if detail["loc"] == ("schema_version",)]:
            raise BenchError(
                f"{path} is of another version of bench (schema {versions[0]}, this one reads "
                f"{record_type.model_fields['schema_version'].default}): "
                "install the version that wrote it"
            ) from None
        if record_type is RunRecord:
            remedy = "restore it, or move its folder away, and bench run --resume runs it again"
        else:
            remedy = "restore it, or move the study's folder away"
        raise BenchError(f"{path} is damaged ({first_complaint(error)[:200]}): {remedy}") from None

"""Writes the report of one run: report.md, report.json and the figures of the run in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.metrics import Scores, score
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.plugins import Split
from bench.plugins.registry import Registry
from bench.reporting.classification_report import classification_report
from bench.reporting.commands import portable_command, without_traceback
from bench.reporting.report_page import RunReport, intervals_line, render_report
from bench.reporting.run_figures import Subject, draw_figures
from bench.reporting.seeds import seed_scores, seeds_of, which_seed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord


@dataclass(frozen=True)
class ReportPaths:
    """The files of a written report."""

    markdown: Path
    json: Path
    figures: dict[str, Path]
    """Figures that could be drawn, by kind (see `bench.reporting.run_figures.FIGURE_KINDS`)."""
    report: RunReport
    interval: str
    """The interval of the score that ranks and what it covers, in a sentence."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the report."""
        return self.markdown, self.json, *self.figures.values()


def write_report(study: StudyFolder, run: RunRecord, folder: Path, *, registry: Registry) -> ReportPaths:
    """Writes the report of a run on its test split, or on the validation split if it was not tested.

    Raises:
        BenchError: The run ended without predictions, or they cannot be read.
    """
    record = study.reproduction() if study.is_reproduction() else study.record()
    return write_run_report(study, run, folder, data=record.data, command=record.command, registry=registry)


def write_run_report(
    study: StudyFolder, run: RunRecord, folder: Path, *, data: PreparedData, command: str, registry: Registry
) -> ReportPaths:
    """Writes the report of a run whose folder has no record yet, as in a reproduction.

    Args:
        study: Folder that holds the run.
        run: The run.
        folder: Folder of the report.
        data: Data of the study.
        command: Command line that started the run.
    """
    data = data.of_fold(run.spec.fold)
    by_split = _predictions(study, run)
    split: Split = "test" if "test" in by_split else "validation"
    seeds = _seeds(study, run, split)  # raises before figures are drawn
    drawn = draw_figures(Subject(study, run, data, registry), folder)
    report = RunReport(
        study=run.study,
        run=run.name,
        origin=_origin(study, run),
        started=run.started,
        finished=run.finished,
        command=portable_command(command),
        spec=run.spec,
        result=without_traceback(run.result),
        scores={name: score(predictions) for name, predictions in by_split.items()},
        report=classification_report(
            by_split[split],
            split=split,
            metric=run.spec.objective,
            known_groups=data.known_groups,
            noun=data.group_noun,
        ),
        figures={kind: path.name for kind, path in drawn.files.items()},
        figures_left_out=drawn.failures,
        **seeds,
    )
    return _write(report, folder, data)


def complete_reports(study: StudyFolder) -> None:
    """Adds to the reports of a study's finals the seeds that ended after they were written. Figures stay as they are."""
    data = study.record().data
    for run in study.finals():
        folder = study.report_folder(run)
        try:
            report = RunReport.model_validate_json((folder / "report.json").read_bytes())
        except (OSError, ValidationError):  # one that was never written, or by another version: bench report writes it
            continue
        if len(report.seeds) < len(seeds_of(study, run)):
            completed = report.model_copy(update=_seeds(study, run, report.report.split))
            _write(completed, folder, data.of_fold(run.spec.fold))


def _seeds(study: StudyFolder, run: RunRecord, split: Split) -> dict[str, Any]:
    """The fields of a report that depend on the other seeds of its configuration."""
    alike = seeds_of(study, run)
    predictions = [_predictions(study, one) for one in alike]
    return {
        "seeds": tuple(map(seed_scores, alike, predictions, map(study.robustness, alike))),
        "which_seed": which_seed(run, alike),
        "errors": analyse_errors([of_run[split] for of_run in predictions if split in of_run]),
    }


def _write(report: RunReport, folder: Path, data: PreparedData) -> ReportPaths:
    figures = {kind: folder / name for kind, name in report.figures.items()}
    sentence = intervals_line(report.report, data.group_noun)
    paths = ReportPaths(folder / "report.md", folder / "report.json", figures, report, sentence)
    write_atomically(paths.json, report.model_dump_json(indent=1) + "\n")
    write_atomically(paths.markdown, render_report(report, data))
    return paths


def _origin(study: StudyFolder, run: RunRecord) -> str:
    """Returns the origin of a run; for a final also the origin of the trial that it repeats."""
    if run.kind == "trial":
        return run.origin
    same = (trial for trial in study.trials() if trial.spec.configuration() == run.spec.configuration())
    trial = next(same, None)
    return run.origin if trial is None else f"{run.origin}, in {trial.name} proposed by {trial.origin}"


def _predictions(study: StudyFolder, run: RunRecord) -> dict[Split, Predictions]:
    """Reads the stored predictions by split. A split that the run was scored on must have its file."""
    folder = study.run_folder(run)
    scored: dict[Split, Scores | None] = {"validation": run.result.validation, "test": run.result.test}
    by_split = {
        split: study.predictions(run, split)
        for split, scores in scored.items()
        if scores is not None or (folder / f"{split}.npz").is_file()
    }
    if not by_split:
        reason = f" ({run.result.reason})" if run.result.reason else ""
        raise BenchError(
            f"{run.study}/{run.name} ended as {run.result.status}{reason} before it had predictions to report on: "
            f"choose a complete run, or give the study alone (bench report {run.study}) for its best"
        )
    return by_split

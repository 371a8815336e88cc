"""Writes the report of one run: report.md, report.json and the figures of the run in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.error_analysis import analyse_errors
from bench.evaluation.metrics import Scores, score
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.plugins import FinishedRun, Split
from bench.plugins.registry import Registry
from bench.reporting.added_sections import add_sections
from bench.reporting.classification_report import classification_report
from bench.reporting.commands import portable_command, without_traceback
from bench.reporting.html.run_html import SMALL_HTML, HtmlOptions, HtmlReport, write_run_html
from bench.reporting.report_page import RunReport, intervals_line, render_report
from bench.reporting.run_figures import Subject, draw_figures
from bench.reporting.seeds import seed_scores, seeds_of, which_seed
from bench.results.study_folder import StudyFolder, median_run
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
    html: Path | None = None
    """The report as one HTML file, if it was asked for."""
    on_sounds: str = ""
    """What that file holds of the sounds, in a sentence."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the report, but for sounds beside it."""
        return self.markdown, self.json, *([self.html] if self.html else []), *self.figures.values()


def write_report(
    study: StudyFolder, run: RunRecord, folder: Path, *, registry: Registry, html: HtmlOptions | None = None
) -> ReportPaths:
    """Writes the report of a run on its test split, or on the validation split if it was not tested.

    Args:
        study: Folder that holds the run.
        run: The run.
        folder: Folder of the report.
        registry: Plugins of the run.
        html: What the HTML file holds; None to write none.

    Raises:
        BenchError: The run ended without predictions, or they cannot be read.
    """
    record = study.reproduction() if study.is_reproduction() else study.record()
    data = record.data.of_fold(run.spec.fold)
    by_split = _predictions(study, run)
    split: Split = "test" if "test" in by_split else "validation"
    metrics = registry.metrics.values()
    predictions = _predictions_of_seeds(study, run)  # raises before figures are drawn
    drawn = draw_figures(Subject(study, run, data, registry), folder)
    scores = {name: score(of_split, metrics) for name, of_split in by_split.items()}
    finished = FinishedRun(
        study=run.study,
        run=run.name,
        split=split,
        predictions=by_split[split],
        scores=scores[split].figures(),
        feature=run.spec.feature,
        model=run.spec.model,
        training=run.spec.training,
        group_noun=data.group_noun,
    )
    added = add_sections(registry.sections, finished, folder)
    report = RunReport(
        study=run.study,
        run=run.name,
        origin=_origin(study, run),
        started=run.started,
        finished=run.finished,
        command=portable_command(record.command),
        spec=run.spec,
        result=without_traceback(run.result),
        scores=scores,
        report=classification_report(
            by_split[split],
            split=split,
            metric=run.spec.objective,
            known_groups=data.known_groups,
            noun=data.group_noun,
        ),
        figures={kind: path.name for kind, path in {**drawn.files, **added.figures}.items()},
        figures_left_out={**drawn.failures, **added.failures},
        sections=added.sections,
        seeds=tuple(seed_scores(seed, of, study.robustness(seed), metrics) for seed, of in predictions.values()),
        which_seed=which_seed(run, [seed for seed, _ in predictions.values()]),
        errors=analyse_errors([of[split] for _, of in predictions.values() if split in of]),
    )
    paths = _write(report, folder, data)
    if html is None:
        return paths
    page = HtmlReport(
        report=report,
        data=data,
        predictions={name: of[split] for name, (_, of) in predictions.items() if split in of},
        trials=tuple(study.trials()),
        figures=drawn.files,
        sample_rate=registry.feature(run.spec.feature).sample_rate,
    )
    path, on_sounds = write_run_html(page, folder, html)
    return replace(paths, html=path, on_sounds=on_sounds)


def write_reports(study: StudyFolder, runs: Sequence[RunRecord], *, registry: Registry) -> dict[str, ReportPaths]:
    """Writes the report of the median seed of each configuration and outer fold, which shows all seeds.

    A report that has all of its seeds stays as it is; one that was written of another seed, or before the last of them
    ended, is written again.

    Args:
        study: Folder that holds the runs.
        runs: Finals of a study, or the runs of a reproduction.
        registry: Plugins of the runs.

    Returns:
        The reports that were written, by the names of their runs.
    """
    written = {}
    for run in runs:
        alike = seeds_of(study, run)
        folder = study.report_folder(run)
        wanted = run.result.status == "complete" and (run == median_run(alike) or folder.is_dir())
        if wanted and _seeds_shown(folder) != tuple(seed.name for seed in alike):
            written[run.name] = write_report(study, run, folder, registry=registry, html=SMALL_HTML)
    return written


def _seeds_shown(folder: Path) -> tuple[str, ...]:
    """Names of the seeds in a report; none if it was never written, or by another version."""
    try:
        report = RunReport.model_validate_json((folder / "report.json").read_bytes())
    except (OSError, ValidationError):
        return ()
    return tuple(seed.run for seed in report.seeds)


def _predictions_of_seeds(study: StudyFolder, run: RunRecord) -> dict[str, tuple[RunRecord, dict[Split, Predictions]]]:
    """Reads what all seeds of a run's configuration predicted, by the names of their runs."""
    return {seed.name: (seed, _predictions(study, seed)) for seed in seeds_of(study, run)}


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

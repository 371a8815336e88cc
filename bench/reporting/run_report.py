"""Writes the report of one run: report.md, report.json and the figures of the run in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.metrics import METRICS, Scores, metric_title, score
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.markdown import Alignment, Markup, bullets, code, code_block, details, escape, heading, page, table
from bench.plugins import Split
from bench.plugins.registry import Registry
from bench.reporting.classification_report import (
    MAX_CONFUSIONS,
    ClassificationReport,
    classification_report,
    report_notes,
    report_table,
)
from bench.reporting.commands import portable_command, without_traceback
from bench.reporting.numbers import (
    ABSENT,
    count,
    duration,
    interval_claim,
    interval_text,
    number,
    plural,
    reading,
    score_text,
)
from bench.reporting.run_figures import FIGURE_KINDS, DrawnFigures, Subject, draw_figures
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.trial import Epoch, TrialResult, TrialSpec


@dataclass(frozen=True)
class ReportPaths:
    """The files of a written report."""

    markdown: Path
    json: Path
    figures: dict[str, Path]
    """Figures that could be drawn, by kind (see `bench.reporting.run_figures.FIGURE_KINDS`)."""
    report: RunReport
    interval: str
    """The interval of the accuracy and what it covers, in a sentence."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the report."""
        return self.markdown, self.json, *self.figures.values()


class RunReport(BaseModel):
    """The contents of report.json: a run, its scores by split, and the classification report of one split."""

    model_config = ConfigDict(frozen=True)
    schema_version: int = 2
    study: str
    run: str
    origin: str
    started: str
    finished: str
    command: str
    """Command line that started the study or the reproduction."""
    spec: TrialSpec
    result: TrialResult
    scores: dict[Split, Scores]
    """Scores computed from the stored predictions."""
    report: ClassificationReport


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
    )
    drawn = draw_figures(Subject(study, run, data, registry), folder)
    sentence = intervals_line(report.report, data.group_noun)
    paths = ReportPaths(folder / "report.md", folder / "report.json", drawn.files, report, sentence)
    write_atomically(paths.json, report.model_dump_json(indent=1) + "\n")
    write_atomically(paths.markdown, render_report(report, data, drawn))
    return paths


def render_report(report: RunReport, data: PreparedData, drawn: DrawnFigures) -> str:
    """Renders the report in Markdown."""
    classes = report.report
    return page(
        [
            heading(1, f"{report.study}/{report.run}"),
            _overview(report, data),
            heading(2, "Scores"),
            _scores(report),
            heading(2, f"Classification report ({classes.split} split)"),
            report_table(classes),
            bullets([*report_notes(classes), intervals_line(classes, data.group_noun)]),
            heading(2, "Confusions"),
            _confusions(classes),
            *_figures(drawn, "confusion", "confusion-rates", "alluvial"),
            *_training(report.result, drawn),
            *_section("The network", _figures(drawn, "activations", "pooled", "filters")),
            *_section("The data", _figures(drawn, "classes", "clip")),
            *_section("Figures left out", _failures(drawn)),
            heading(2, "Reproduce"),
            *_reproduce(report, data),
        ]
    )


def _figures(drawn: DrawnFigures, *kinds: str) -> list[str]:
    """Returns images of those kinds that were drawn."""
    return [
        Markup(f"![{FIGURE_KINDS[kind].caption}]({FIGURE_KINDS[kind].file_name})")
        for kind in kinds
        if kind in drawn.files
    ]


def _failures(drawn: DrawnFigures) -> list[str]:
    """Returns a line for every reason why figures could not be drawn."""
    by_reason: dict[str, list[str]] = {}
    for kind, reason in drawn.failures.items():
        by_reason.setdefault(reason, []).append(kind)
    lines = [f"{', '.join(kinds)}: {reason}" for reason, kinds in by_reason.items()]
    return [bullets(lines)] if lines else []


def _section(title: str, parts: list[str]) -> list[str]:
    """Returns the parts below a heading, or nothing if there are no parts."""
    return [heading(2, title), *parts] if parts else []


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


def _overview(report: RunReport, data: PreparedData) -> Markup:
    spec, result = report.spec, report.result
    status = f"{result.status} – {result.reason}" if result.reason else result.status  # noqa: RUF001
    classes = f"{len(data.labels)} classes, clips of {data.seconds:g} s"
    rows: list[tuple[str, str]] = [
        ("Status", status),
        ("Data set", Markup(f"{escape(spec.dataset.name)}, {classes}, revision {code(spec.revision)}")),
        ("Feature", _plugin(spec.feature.name, spec.feature.options)),
        ("Model", Markup(f"{_plugin(spec.model.name, spec.model.options)}, {count(result.parameters)} parameters")),
        ("Proposed by", report.origin or ABSENT),
        ("Seed", str(spec.seed)),
        (
            "Best epoch",
            f"{result.best_epoch or ABSENT} of {spec.training.epochs}, by validation {metric_title(spec.objective)}, "
            "then by loss",
        ),
        ("Training time", duration(result.train_seconds)),
        ("Latency of one clip", ABSENT if result.latency_ms is None else f"{result.latency_ms:.2f} ms"),
        ("Peak memory", ABSENT if result.peak_memory_mb is None else f"{result.peak_memory_mb:,.0f} MB"),
        ("Finished", report.finished),
    ]
    if result.hardware is not None:
        hardware = result.hardware
        versions = ", ".join(f"{name} {version}" for name, version in sorted(hardware.versions.items()))
        compiled = ", compiled" if hardware.compiled else ""
        rows += [
            ("Ran on", f"{hardware.device}, {plural(hardware.threads, 'thread')}{compiled}"),
            ("Versions", versions),
        ]
    return table(("Run", f"{report.study}/{report.run}"), rows, align=("left", "left"))


def _plugin(name: str, options: dict[str, object]) -> Markup:
    values = ", ".join(f"{option}={value}" for option, value in options.items())
    return Markup(f"{escape(name)} ({escape(values)})" if values else escape(name))


def _scores(report: RunReport) -> Markup:
    """Returns the scores of clips by split, and of single segments if the run trained on segments."""
    result = report.result
    segments = {"validation": result.validation_segments, "test": result.test_segments}
    columns = {
        name: scores
        for split, clip_scores in report.scores.items()
        for name, scores in ((split, clip_scores), (f"{split}, segments", segments.get(split)))
        if scores is not None
    }
    figures = {name: scores.figures() for name, scores in columns.items()}
    rows = [
        (metric.title, *(score_text(values.get(key)) for values in figures.values()), *reading(metric))
        for key, metric in METRICS.items()
        if any(key in values for values in figures.values())
    ]
    clips = ("Clips", *(count(scores.clips) for scores in columns.values()), "", "", "")
    header = ("Score", *(name.capitalize() for name in columns), "Better", "Range or unit", "What it is")
    figures_right: list[Alignment] = ["right" for _ in columns]
    align: tuple[Alignment, ...] = ("left", *figures_right, "left", "left", "left")
    return table(header, [clips, *rows], align=align)


def intervals_line(report: ClassificationReport, noun: str) -> str:
    """Says the interval of the score that ranks and what it covers, or why there is none."""
    value, metric = report.interval, metric_title(report.metric)
    if value is None:
        return f"No interval of the {metric}: {report.no_interval}."
    return f"{metric.capitalize()}, 95 % interval: {interval_text(value)} for {interval_claim(value, noun)}."


def _confusions(report: ClassificationReport) -> Markup:
    if not report.confusions:
        return Markup("Every clip was recognised.")
    wrong = sum(confusion.clips for confusion in report.confusions)
    most_frequent = report.confusions[:MAX_CONFUSIONS]
    rows = [(pair.true, pair.predicted, count(pair.clips), score_text(pair.share)) for pair in most_frequent]
    confusions = table(("True", "Taken for", "Clips", "Share of the class"), rows, align=("left", "left"))
    summary = f"{wrong:,} of {report.support:,} clips are wrong; the most frequent confusions:"
    return Markup(f"{summary}\n\n{confusions}")


def _training(result: TrialResult, drawn: DrawnFigures) -> list[str]:
    if not result.epochs:
        return []
    header = (
        "Epoch",
        "Learning rate",
        "Train loss",
        "Train accuracy",
        "Validation loss",
        "Validation accuracy",
        "Validation balanced accuracy",
        "Time",
    )
    rows = [_epoch_cells(epoch, best=epoch.number == result.best_epoch) for epoch in result.epochs]
    collapsed = details(f"All {len(rows)} epochs", table(header, rows))
    return [heading(2, "Training"), *_figures(drawn, "curves", "range-test"), collapsed]


def _epoch_cells(epoch: Epoch, *, best: bool) -> tuple[str, ...]:
    return (
        Markup(f"**{epoch.number}**") if best else str(epoch.number),
        number(epoch.learning_rate),
        number(epoch.train_loss),
        score_text(epoch.train_accuracy),
        number(epoch.validation_loss),
        score_text(epoch.validation_accuracy),
        score_text(epoch.validation_balanced_accuracy),
        duration(epoch.seconds),
    )


def _reproduce(report: RunReport, data: PreparedData) -> list[str]:
    subject = "This run" if report.run.startswith("reproduction") else "The study"
    lines = [Markup(f"{subject} was started by {code(report.command)}.")]
    if report.run.startswith("final"):
        published = Markup(
            f"A final is a row of its data set's leaderboard, which {code('bench leaderboard')} writes with the command "
            f"that runs it again; this one's id there is {code(report.spec.configuration()[:8])}."
        )
        lines.append(published)
    lines += [Markup(f"Note on the data: {escape(note)}") for note in data.notes]
    collapsed = details("Complete specification", code_block(report.spec.model_dump_json(indent=1), "json"))
    return [bullets(lines), collapsed]

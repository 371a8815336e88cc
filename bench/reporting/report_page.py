"""Renders the report of one run in Markdown, from its record."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict

from bench.data.prepared import PreparedData
from bench.evaluation.error_analysis import ErrorAnalysis
from bench.evaluation.metrics import METRICS, Scores, metric_texts, metric_title
from bench.markdown import Alignment, Markup, bullets, code, code_block, details, escape, heading, page, table
from bench.names import FileName
from bench.plugins import Split
from bench.reporting.added_sections import AddedSection
from bench.reporting.classification_report import (
    MAX_CONFUSIONS,
    ClassificationReport,
    report_notes,
    report_table,
)
from bench.reporting.numbers import (
    ABSENT,
    Spread,
    count,
    duration,
    interval_claim,
    interval_text,
    latency,
    load_text,
    number,
    plural,
    reading,
    score_text,
)
from bench.reporting.robustness_table import robustness_table
from bench.reporting.run_figures import FIGURE_KINDS
from bench.reporting.seeds import SeedScores, seeds_table
from bench.reporting.where_it_fails import errors_of
from bench.trial import Epoch, TrialResult, TrialSpec

EPOCH_COLUMNS = (
    "Epoch",
    "Learning rate",
    "Train loss",
    "Train accuracy",
    "Validation loss",
    "Validation accuracy",
    "Validation balanced accuracy",
    "Time",
)


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
    seeds: tuple[SeedScores, ...]
    """All seeds of the configuration that have ended, this run among them."""
    which_seed: str
    """Which of them this run is, in a sentence; empty if it is the only one."""
    errors: ErrorAnalysis
    """Where the networks of all seeds fail on the split of `report`."""
    figures: dict[str, FileName]
    """File names of the figures, by kind (see `bench.reporting.run_figures.FIGURE_KINDS`)."""
    figures_left_out: dict[str, str]
    """Reasons why others could not be drawn, by kind."""
    sections: tuple[AddedSection, ...] = ()
    """What plugins add."""


def render_report(report: RunReport, data: PreparedData) -> str:
    """Renders the report in Markdown."""
    classes = report.report
    return page(
        [
            heading(1, f"{report.study}/{report.run}"),
            table(("Run", f"{report.study}/{report.run}"), overview_rows(report, data), align=("left", "left")),
            *_all_seeds(report),
            heading(2, "Scores"),
            _scores(report),
            heading(2, f"Classification report ({classes.split} split)"),
            report_table(classes),
            bullets([*report_notes(classes), intervals_line(classes, data.group_noun)]),
            heading(2, "Confusions"),
            _confusions(classes),
            *_figures(report, "confusion", "confusion-rates", "alluvial"),
            heading(2, "Where it fails"),
            errors_of(report.errors, noun=data.group_noun),
            *_robustness(report),
            *_training(report),
            *_section("The network", _figures(report, "activations", "pooled", "filters")),
            *_section("The data", _figures(report, "classes", "clip")),
            *_added_sections(report),
            *_section("Figures left out", _failures(report)),
            heading(2, "Reproduce"),
            *_reproduce(report, data),
        ]
    )


def _added_sections(report: RunReport) -> list[str]:
    parts: list[str] = []
    for section in report.sections:
        image = report.figures.get(section.figure, "")
        parts += [heading(2, section.title), Markup(section.markdown)]
        parts += [Markup(f"![{escape(section.title)}]({image})")] if image else []
    return parts


def _all_seeds(report: RunReport) -> list[str]:
    if len(report.seeds) < 2:
        return []
    seeds = seeds_table(report.seeds, report.spec.objective, shown=report.run)
    return [heading(2, "Seeds of this configuration"), seeds, report.which_seed]


def tested_conditions(report: RunReport) -> dict[str, tuple[Spread, dict[str, Spread]]]:
    """Returns the test score of every seed that was tested under conditions, and those under each, by run."""
    metric = report.spec.objective
    return {
        seed.run: (
            Spread.of([getattr(seed.scores["test"], metric)]),
            {name: Spread.of([value]) for name, value in seed.robustness.items()},
        )
        for seed in report.seeds
        if seed.robustness
    }


def _robustness(report: RunReport) -> list[str]:
    rows = tested_conditions(report)
    title = heading(2, f"Test {metric_title(report.spec.objective)} under other conditions")
    return [title, robustness_table(rows, title="Run")] if rows else []


def _figures(report: RunReport, *kinds: str) -> list[str]:
    """Returns images of those kinds that were drawn."""
    return [
        Markup(f"![{FIGURE_KINDS[kind].caption}]({report.figures[kind]})") for kind in kinds if kind in report.figures
    ]


def _failures(report: RunReport) -> list[str]:
    """Returns a line for every reason why figures could not be drawn."""
    by_reason: dict[str, list[str]] = {}
    for kind, reason in report.figures_left_out.items():
        by_reason.setdefault(reason, []).append(kind)
    lines = [f"{', '.join(kinds)}: {reason}" for reason, kinds in by_reason.items()]
    return [bullets(lines)] if lines else []


def _section(title: str, parts: list[str]) -> list[str]:
    """Returns the parts below a heading, or nothing if there are no parts."""
    return [heading(2, title), *parts] if parts else []


def overview_rows(report: RunReport, data: PreparedData) -> list[tuple[str, str]]:
    """Returns what a run is, and how it went, by title."""
    spec, result = report.spec, report.result
    status = f"{result.status} – {result.reason}" if result.reason else result.status  # noqa: RUF001
    classes = f"{len(data.labels)} classes, clips of {data.seconds:g} s"
    rows: list[tuple[str, str]] = [
        ("Status", status),
        ("Data set", f"{data.title}, {classes}, revision {spec.revision}"),
        ("Feature", _plugin(spec.feature.name, spec.feature.options)),
        ("Model", f"{_plugin(spec.model.name, spec.model.options)}, {count(result.parameters)} parameters"),
        ("Proposed by", report.origin or ABSENT),
        ("Seed", str(spec.seed)),
        (
            "Best epoch",
            f"{result.best_epoch or ABSENT} of {spec.training.epochs}, by validation {metric_title(spec.objective)}, "
            "then by loss",
        ),
        ("Training time", duration(result.train_seconds)),
        (
            "Latency",
            f"{latency(result.latency_ms)}: median of several passes of one clip of silence to its logits, batch of 1",
        ),
        ("Load of the machine", f"{load_text(result.load)} cores, at the run's start and end{_warning(result)}"),
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
    return rows


def _warning(result: TrialResult) -> str:
    heavy = result.load is not None and result.load.heavy
    return ": times are longer than on an idle machine" if heavy else ""


def _plugin(name: str, options: dict[str, object]) -> str:
    values = ", ".join(f"{option}={value}" for option, value in options.items())
    return f"{name} ({values})" if values else name


def score_columns(report: RunReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of the scores of clips by split, and of single segments if the run trained on segments."""
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
        for key, metric in metric_texts(columns.values()).items()
        if any(key in values for values in figures.values())
    ]
    clips = ("Clips", *(count(scores.clips) for scores in columns.values()), "", "", "")
    return ("Score", *(name.capitalize() for name in columns), "Better", "Range or unit", "What it is"), [
        clips,
        *rows,
        *_not_computed(columns.values()),
    ]


def _scores(report: RunReport) -> Markup:
    header, rows = score_columns(report)
    figures_right: list[Alignment] = ["right" for _ in header[4:]]
    align: tuple[Alignment, ...] = ("left", *figures_right, "left", "left", "left")
    return table(header, rows, align=align)


def _not_computed(scores: Collection[Scores]) -> list[tuple[str, ...]]:
    """Returns a row for every metric of a plugin that raised something."""
    failures = {score.text.title: score.failure for each in scores for score in each.added if score.failure}
    return [(title, *[ABSENT] * len(scores), "", "", failure) for title, failure in failures.items()]


def intervals_line(report: ClassificationReport, noun: str) -> str:
    """Says the interval of the score that ranks and what it covers, or why there is none."""
    value, metric = report.interval, METRICS[report.metric]
    if value is None:
        return f"No interval of the {metric.words}: {report.no_interval}."
    return f"{metric.title}, 95 % interval: {interval_text(value)} for {interval_claim(value, noun)}."


def _confusions(report: ClassificationReport) -> Markup:
    if not report.confusions:
        absent = sum(not row.support for row in report.classes)
        of = (
            f", of the {len(report.classes) - absent} of {len(report.classes)} classes that have clips"
            if absent
            else ""
        )
        return Markup(f"Every clip was recognised{of}.")
    wrong = sum(confusion.clips for confusion in report.confusions)
    most_frequent = report.confusions[:MAX_CONFUSIONS]
    rows = [(pair.true, pair.predicted, count(pair.clips), score_text(pair.share)) for pair in most_frequent]
    confusions = table(("True", "Taken for", "Clips", "Share of the class"), rows, align=("left", "left"))
    summary = f"{wrong:,} of {report.support:,} clips are wrong; the most frequent confusions:"
    return Markup(f"{summary}\n\n{confusions}")


def _training(report: RunReport) -> list[str]:
    result = report.result
    if not result.epochs:
        return []
    rows = [_marked(epoch_cells(epoch), best=epoch.number == result.best_epoch) for epoch in result.epochs]
    collapsed = details(f"All {len(rows)} epochs", table(EPOCH_COLUMNS, rows))
    return [heading(2, "Training"), *_figures(report, "curves", "range-test"), collapsed]


def _marked(cells: tuple[str, ...], *, best: bool) -> tuple[str, ...]:
    return (Markup(f"**{cells[0]}**"), *cells[1:]) if best else cells


def epoch_cells(epoch: Epoch) -> tuple[str, ...]:
    """Returns the cells of one epoch, in the order of EPOCH_COLUMNS."""
    return (
        str(epoch.number),
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

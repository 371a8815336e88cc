"""What a search tried, as charts and as a table: scores against what networks cost, and the best score so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.evaluation.metrics import Objective, metric_title
from bench.reporting.html.charts import Chart, Point, Series, chart, charts, pareto_front
from bench.reporting.html.data_table import Cell, DataTable, data_table
from bench.reporting.leaderboard_records import Improvement
from bench.reporting.numbers import ABSENT, count, duration, latency, plural, score_text
from bench.reporting.report_page import RunReport
from bench.reporting.search_against_truth import best_so_far
from bench.results.study_folder import validation_score
from bench.results.study_records import RunRecord
from bench.trial import TrialResult


@dataclass(frozen=True)
class CostedScore:
    """One configuration with its validation score and what it costs."""

    tip: str
    score: float
    parameters: float | None
    latency_ms: float | None
    train_seconds: float | None
    strong: bool = False


COSTS: Sequence[tuple[str, str, Callable[[CostedScore], float | None]]] = (
    ("by parameters", "Parameters", lambda one: one.parameters),
    ("by latency", "Latency of one clip (ms)", lambda one: one.latency_ms),
    ("by training time", "Training time (s)", lambda one: one.train_seconds),
)
"""What a chart sets scores against: its tab, the title of the axis, and the value. Multiply-adds are on no record."""


def cost_charts(candidates: Iterable[CostedScore], *, title: str, names: str) -> tuple[Chart, ...]:
    """Sets scores against each cost, and joins the candidates that no other beats.

    Args:
        candidates: The configurations.
        title: Title of the score.
        names: What they are, in the plural.
    """
    known = list(candidates)

    def against(tab: str, x_title: str, cost: Callable[[CostedScore], float | None]) -> Chart | None:
        points = tuple(
            Point(x, one.score, one.tip, one.strong) for one in known if (x := cost(one)) is not None and x > 0
        )
        front = tuple(Point(point.x, point.y, "") for point in pareto_front(points))
        series = (Series(names, points), Series("Pareto front", front, "straight"))
        return chart(series, tab=tab, x_title=x_title, y_title=title, log=True)

    return charts(*(against(*cost) for cost in COSTS))


def anytime_charts(
    searches: Iterable[tuple[str, Sequence[Improvement], int, float]], *, title: str
) -> tuple[Chart, ...]:
    """Draws the best score so far, by trial and by time.

    Args:
        searches: Of every search its name, its improvements, and the trials and hours that it took in all.
        title: Title of the score.
    """
    known = [search for search in searches if search[1]]

    def tip(name: str, step: Improvement) -> str:
        return f"{name}: {score_text(step.score)} after {plural(step.trials, 'trial')}, {duration(step.hours * 3600)}"

    def by(x: Callable[[Improvement], float], end: Callable[[int, float], float]) -> list[Series]:
        return [
            Series(
                name,
                tuple(Point(x(step), step.score, tip(name, step)) for step in steps),
                "steps",
                ends=max(end(trials, hours), x(steps[-1])),
            )
            for name, steps, trials, hours in known
        ]

    longest = max((hours for *_, hours in known), default=0.0)
    unit, seconds = ("h", 3600.0) if longest > 2 else ("min", 60.0) if longest > 1 / 15 else ("s", 1.0)
    in_unit = 3600 / seconds
    return charts(
        chart(by(lambda s: s.trials, lambda t, h: t), tab="by trial", x_title="Trials that have ended", y_title=title),
        chart(
            by(lambda s: s.hours * in_unit, lambda t, h: h * in_unit),
            tab="by time",
            x_title=f"Time in which trials ran ({unit})",
            y_title=title,
        ),
    )


def search_charts(trials: Sequence[RunRecord], report: RunReport) -> dict[str, tuple[Chart, ...]]:
    """Draws the search of a study, with the trial whose configuration the report is of standing out."""
    title = f"Validation {metric_title(report.spec.objective)}"
    complete = [trial for trial in trials if trial.result.status == "complete"]
    candidates = [
        CostedScore(
            tip=_tip(trial),
            score=validation_score(trial),
            parameters=trial.result.parameters,
            latency_ms=trial.result.latency_ms,
            train_seconds=trial.result.train_seconds,
            strong=trial.spec.configuration() == report.spec.configuration(),
        )
        for trial in complete
    ]
    improvements, hours = best_so_far(trials)
    ended = sum(trial.result.status != "lost" for trial in trials)
    return {
        "cost": cost_charts(candidates, title=title, names="trials"),
        "anytime": anytime_charts([(report.study, improvements, ended, hours)], title=title),
    }


def _tip(trial: RunRecord) -> str:
    result = trial.result
    return (
        f"{trial.name}, {trial.spec.model.name} on {trial.spec.feature.name}: {score_text(validation_score(trial))}, "
        f"{count(result.parameters)} parameters, {latency(result.latency_ms)} a clip, "
        f"trained in {duration(result.train_seconds)}"
    )


def trials_table(trials: Sequence[RunRecord], metric: Objective) -> DataTable:
    """Returns every trial of a search; those that are not complete have no score."""
    columns = (
        "Trial",
        "Status",
        "Model",
        "Feature",
        f"Validation {metric_title(metric)}",
        "Parameters",
        "Latency",
        "Time",
    )
    return data_table(columns, map(_trial_cells, trials), left=4)


def _trial_cells(trial: RunRecord) -> list[str | Cell]:
    result, spec = trial.result, trial.spec
    score = validation_score(trial) if result.status == "complete" else None
    return [
        Cell(trial.name, code=True),
        result.status,
        spec.model.name,
        spec.feature.name,
        Cell(score_text(score), score),
        Cell(count(result.parameters), result.parameters),
        Cell(latency(result.latency_ms), result.latency_ms),
        Cell(duration(result.train_seconds), result.train_seconds) if result.train_seconds else ABSENT,
    ]


def curve_charts(result: TrialResult) -> tuple[Chart, ...]:
    """Draws losses and accuracies by epoch, with the best epoch standing out."""
    drawn = []
    for tab, name in (("loss", "Loss (nats)"), ("accuracy", "Accuracy")):
        series = [
            Series(
                split,
                tuple(
                    Point(
                        epoch.number,
                        value,
                        f"epoch {epoch.number}: {split} {tab} {value:.4g}",
                        strong=epoch.number == result.best_epoch and split == "validation",
                    )
                    for epoch in result.epochs
                    for value in [getattr(epoch, f"{split}_{tab}")]
                ),
                "straight",
            )
            for split in ("train", "validation")
        ]
        drawn.append(chart(series, tab=tab, x_title="Epoch", y_title=name))
    return charts(*drawn)

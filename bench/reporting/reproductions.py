"""Compares the published figures of recipes that were run again with the measured ones, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.evaluation.interval import Interval
from bench.files import write_atomically
from bench.markdown import Markup, bullets, code, escape, heading, page, table
from bench.plugins import Split
from bench.reporting.numbers import ABSENT, Spread, duration, interval_text, readable_name, score_text, spread
from bench.results.study_folder import StudyFolder, reproductions
from bench.results.study_records import ReproductionRecord, RunRecord
from bench.trial import TrialResult

REPRODUCTIONS_NOTICE = "<!-- Written by bench reproduce --table: changes are lost when it is written again. -->"


def measured_figures(result: TrialResult) -> dict[str, float]:
    """Returns the figures that a run measured, by the names that recipes give to published figures."""
    figures: dict[str, float] = {}
    for split in ("validation", "test"):
        scores, segments = getattr(result, split), getattr(result, f"{split}_segments")
        if scores is not None:
            figures |= {f"{split}_{name}": value for name, value in scores.figures().items()}
        if segments is not None:
            figures[f"{split}_segment_accuracy"] = segments.accuracy
    return figures


def format_figure(name: str, value: float | None) -> str:
    """Formats a figure by its name: a loss with 4 significant digits, any other as a score from 0 to 1."""
    return ABSENT if value is None else f"{value:.4g}" if name.endswith("loss") else score_text(value)


def published_figures(published: Mapping[str, float]) -> str:
    """Formats published figures in one line: `test accuracy 0.7900, test loss 0.2373`."""
    return (
        ", ".join(f"{readable_name(name)} {format_figure(name, value)}" for name, value in published.items()) or ABSENT
    )


@dataclass(frozen=True)
class ReproducedRecipe:
    """A recipe with its runs on one data set."""

    record: ReproductionRecord
    runs: tuple[RunRecord, ...]
    test_interval: Interval | None = None
    """Interval of the test score that ranks; None if there is none."""

    def interval(self, name: str) -> str:
        """Formats the interval of a figure, which the test score that ranks has: `0.930 to 0.951`."""
        ranking = self.runs[0].spec.objective
        return interval_text(self.test_interval if name == f"test_{ranking}" else None)

    def names(self) -> tuple[str, ...]:
        """Returns the names of the figures to compare: those published, or else the accuracies."""
        published = self.record.published[0] if self.record.published else {}
        return tuple(published) or ("validation_accuracy", "test_accuracy")

    def published(self, name: str) -> float | None:
        """Returns a published figure, or None if there is none of this name."""
        return self.record.published[0].get(name) if self.record.published else None

    def measured(self, name: str) -> Spread | None:
        """Returns a measured figure over the seeds that have it, or None."""
        values = [figures[name] for run in self.runs if name in (figures := measured_figures(run.result))]
        return Spread.of(values) if values else None

    def measured_text(self, name: str) -> str:
        """Formats a measured figure; if all seeds have as many clips right, by their number: `0.9512, 39 of 41 (n=3)`."""
        measured = self.measured(name)
        split: Split = "validation" if name.startswith("validation") else "test"
        if measured is None or measured.deviation != 0 or name != f"{split}_accuracy":
            return spread(measured)
        clips = self.record.data.clips(split)
        return f"{measured.mean:.4f}, {round(measured.mean * clips):,} of {clips:,} (n={measured.n})"

    def seconds(self) -> float:
        """Returns the mean training time of one seed, in seconds."""
        return sum(run.result.train_seconds for run in self.runs) / len(self.runs)

    def data(self) -> str:
        """Returns the data set with its clips by split: `emodb, 371 / 80 / 84 clips`."""
        clips = " / ".join(f"{self.record.data.clips(split):,}" for split in ("train", "validation", "test"))
        return f"{self.record.data.title}, {clips} clips"

    def changes(self) -> tuple[str, ...]:
        """Returns a line for every difference from the publication."""
        settings = [f"{name} {now}, published {before}" for name, (before, now) in self.record.changed.items()]
        return (*settings, *self.record.differences)


def reproduced_recipes(results: Path) -> list[ReproducedRecipe]:
    """Returns every recipe of the results folder that has runs, sorted by name."""
    recipes = []
    for study in reproductions(results):
        record, runs = study.reproduction(), _latest(study)
        if record.recipe and runs:
            recipes.append(ReproducedRecipe(record, runs, _test_interval(study, record, runs)))
    return recipes


def _test_interval(study: StudyFolder, record: ReproductionRecord, runs: Sequence[RunRecord]) -> Interval | None:
    from bench.evaluation.uncertainty import interval_of  # with NumPy, which reproductions themselves do without

    return interval_of(
        [study.predictions(run, "test") for run in runs],
        balanced=runs[0].spec.objective == "balanced_accuracy",
        known_groups=record.data.known_groups,
    )[0]


def _latest(study: StudyFolder) -> tuple[RunRecord, ...]:
    """Returns the runs of the newest configuration, since earlier ones with other settings are not comparable."""
    runs = [run for run in study.reproduction_runs() if run.result.status == "complete"]
    configurations = {run.spec.configuration(): run.finished for run in runs}
    newest = max(configurations, key=lambda configuration: configurations[configuration], default="")
    return tuple(run for run in runs if run.spec.configuration() == newest)


REPRODUCTION_COLUMNS = (
    *("Recipe", "Figure", "Published", "Measured", "95 % interval", "Difference", "Seeds", "Data", "Time a seed"),
)


def table_rows(recipes: Iterable[ReproducedRecipe]) -> list[tuple[str, ...]]:
    """Returns a table row for each figure of each recipe."""
    rows: list[tuple[str, ...]] = []
    for recipe in recipes:
        for name in recipe.names():
            measured, published = recipe.measured(name), recipe.published(name)
            difference = None if measured is None or published is None else measured.mean - published
            rows.append(
                (
                    recipe.record.name,
                    readable_name(name),
                    format_figure(name, published),
                    recipe.measured_text(name),
                    recipe.interval(name),
                    ABSENT if difference is None else f"{difference:+.4f}",
                    str(len(recipe.runs)),
                    recipe.data(),
                    duration(recipe.seconds()),
                )
            )
    return rows


def render_reproductions(recipes: Sequence[ReproducedRecipe]) -> str:
    """Renders the page of all recipes: the table, and below it every difference from the publications."""
    parts = [
        REPRODUCTIONS_NOTICE,
        heading(1, "Recipes: published and measured"),
        table(
            REPRODUCTION_COLUMNS,
            table_rows(recipes),
            align=("left", "left", "right", "right", "right", "right", "right", "left"),
        ),
    ]
    for recipe in recipes:
        parts += [heading(2, recipe.record.name), Markup(f"Run by {code(recipe.record.command)}.")]
        lines = [*recipe.changes(), *(f"data: {note}" for note in recipe.record.data.notes)]
        parts.append(bullets(escape(line) for line in lines))
    return page(parts)


def write_reproductions(recipes: Sequence[ReproducedRecipe], path: Path) -> None:
    """Writes the page of all recipes.

    Raises:
        BenchError: The file exists and was not written by this command, or it cannot be written.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(REPRODUCTIONS_NOTICE):
        raise BenchError(f"{path} was not written by bench reproduce and is left alone: name another --output")
    write_atomically(path, render_reproductions(recipes))

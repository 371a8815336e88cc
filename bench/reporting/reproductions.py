"""Recipes that were run again: what was published of each beside what was measured here, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.files import write_atomically
from bench.markdown import Markup, bullets, code, escape, heading, page, table
from bench.reporting.numbers import ABSENT, Spread, duration, readable_name, share, spread
from bench.results.study_folder import StudyFolder, reproductions
from bench.results.study_records import ReproductionRecord, RunRecord
from bench.trial import TrialResult

REPRODUCTIONS_NOTICE = "<!-- Written by bench reproduce --table: changes are lost when it is written again. -->"


def measured_figures(result: TrialResult) -> dict[str, float]:
    """What a run measured, by the names that recipes give to published figures; what it did not is left out."""
    recipes = {}
    for split in ("validation", "test"):
        whole, segments = getattr(result, split), getattr(result, f"{split}_segments")
        if whole is not None:
            recipes[f"{split}_accuracy"], recipes[f"{split}_loss"] = whole.accuracy, whole.loss
        if segments is not None:
            recipes[f"{split}_segment_accuracy"] = segments.accuracy
    return recipes


def format_figure(name: str, value: float | None) -> str:
    """A figure as it is written: a loss has no upper end, everything else is a share."""
    return ABSENT if value is None else f"{value:.4g}" if name.endswith("loss") else share(value)


def published_figures(published: Mapping[str, float]) -> str:
    """`test accuracy 0.7900, test loss 0.2373`."""
    return (
        ", ".join(f"{readable_name(name)} {format_figure(name, value)}" for name, value in published.items()) or ABSENT
    )


@dataclass(frozen=True)
class ReproducedRecipe:
    """A recipe with its runs on one data set."""

    record: ReproductionRecord
    runs: tuple[RunRecord, ...]

    def names(self) -> tuple[str, ...]:
        """The figures that are compared: those published, or else the accuracies."""
        published = self.record.published[0] if self.record.published else {}
        return tuple(published) or ("validation_accuracy", "test_accuracy")

    def published(self, name: str) -> float | None:
        return self.record.published[0].get(name) if self.record.published else None

    def measured(self, name: str) -> Spread | None:
        """Over the seeds that have it."""
        values = [figures[name] for run in self.runs if name in (figures := measured_figures(run.result))]
        return Spread.of(values) if values else None

    def seconds(self) -> float:
        """Of training, for one seed."""
        return sum(run.result.train_seconds for run in self.runs) / len(self.runs)

    def data(self) -> str:
        """`emodb, 371 / 80 / 84 clips`."""
        clips = " / ".join(f"{self.record.data.clips(split):,}" for split in ("train", "validation", "test"))
        return f"{self.record.dataset.name}, {clips} clips"

    def changes(self) -> tuple[str, ...]:
        """What is not as it was published, in lines."""
        settings = [f"{name} {now}, published {before}" for name, (before, now) in self.record.changed.items()]
        return (*settings, *self.record.differences)


def reproduced_recipes(results: Path) -> list[ReproducedRecipe]:
    """Every recipe of the results folder that has runs, by name."""
    recipes = []
    for study in reproductions(results):
        record, runs = study.reproduction(), _latest(study)
        if record.recipe and runs:
            recipes.append(ReproducedRecipe(record, runs))
    return recipes


def _latest(study: StudyFolder) -> tuple[RunRecord, ...]:
    """The runs of the newest command: those of an earlier one with other settings are not of the same recipe."""
    runs = [run for run in study.reproduction_runs() if run.result.status == "complete"]
    configurations = {run.spec.configuration(): run.finished for run in runs}
    newest = max(configurations, key=lambda configuration: configurations[configuration], default="")
    return tuple(run for run in runs if run.spec.configuration() == newest)


REPRODUCTION_COLUMNS = ("Recipe", "Figure", "Published", "Measured", "Difference", "Seeds", "Data", "Time a seed")


def table_rows(recipes: Iterable[ReproducedRecipe]) -> list[tuple[str, ...]]:
    """One row a figure of a recipe."""
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
                    spread(measured),
                    ABSENT if difference is None else f"{difference:+.4f}",
                    str(len(recipe.runs)),
                    recipe.data(),
                    duration(recipe.seconds()),
                )
            )
    return rows


def render_reproductions(recipes: Sequence[ReproducedRecipe]) -> str:
    """The page of all recipes: the table, and under it what is not as it was published."""
    parts = [
        REPRODUCTIONS_NOTICE,
        heading(1, "Recipes: published and measured"),
        table(
            REPRODUCTION_COLUMNS,
            table_rows(recipes),
            align=("left", "left", "right", "right", "right", "right", "left"),
        ),
    ]
    for recipe in recipes:
        parts += [heading(2, recipe.record.name), Markup(f"Run by {code(recipe.record.command)}.")]
        lines = [*recipe.changes(), *(f"data: {note}" for note in recipe.record.data.notes)]
        parts.append(bullets(escape(line) for line in lines))
    return page(parts)


def write_reproductions(recipes: Sequence[ReproducedRecipe], path: Path) -> None:
    """Writes the page. Raises BenchError where a file of that name is somebody else's."""
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(REPRODUCTIONS_NOTICE):
        raise BenchError(f"{path} was not written by bench reproduce and is left alone: name another --output")
    write_atomically(path, render_reproductions(recipes))

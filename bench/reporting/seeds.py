"""The seeds of one configuration side by side, and which of them stands for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from bench.evaluation.metrics import Objective, Scores, basic_scores, metric_title, score
from bench.evaluation.predictions import Predictions
from bench.markdown import Markup, table
from bench.plugins import Metric, Split
from bench.reporting.numbers import ABSENT, Spread, number, score_text, spread
from bench.results.study_folder import StudyFolder, median_run
from bench.results.study_records import RunRecord


class SeedScores(BaseModel):
    """One seed of a configuration, and what it came to."""

    model_config = ConfigDict(frozen=True)
    run: str
    """`final-1-seed-0`."""
    seed: int
    best_epoch: int | None
    scores: dict[Split, Scores]
    """Scores computed from the stored predictions."""
    robustness: dict[str, float] = {}
    """The score that ranks, on the test split, under the conditions of `bench.trial.conditions`; empty if not tested so."""


def seeds_of(study: StudyFolder, run: RunRecord) -> list[RunRecord]:
    """The complete runs of a study that differ from this one by their seed alone, itself included, in their order.

    Those of other outer folds test other clips.
    """
    kinds = {"trial": list, "final": study.finals, "reproduction": study.reproduction_runs}
    alike = [
        other
        for other in kinds[run.kind]()
        if (other.spec.configuration(), other.spec.fold) == (run.spec.configuration(), run.spec.fold)
        and other.result.status == "complete"
    ]
    return alike if any(other.name == run.name for other in alike) else [run]


def seed_scores(
    run: RunRecord,
    predictions: Mapping[Split, Predictions],
    robustness: Mapping[str, Predictions],
    metrics: Collection[type[Metric]] = (),
) -> SeedScores:
    """Scores a run from its predictions by split, also by these metrics of plugins, and of the test split by condition."""
    return SeedScores(
        run=run.name,
        seed=run.spec.seed,
        best_epoch=run.result.best_epoch,
        scores={split: score(of_split, metrics) for split, of_split in predictions.items()},
        robustness={name: getattr(basic_scores(under), run.spec.objective) for name, under in robustness.items()},
    )


def which_seed(run: RunRecord, alike: Sequence[RunRecord]) -> str:
    """Says in a sentence which of several seeds a run is; nothing if it is the only one."""
    if len(alike) < 2:
        return ""
    metric, median = metric_title(run.spec.objective), median_run(alike)
    stands = f"the median of {len(alike)} seeds by test {metric}"
    if run.name == median.name:
        return f"Figures, and tables of one network, are of {run.name}: {stands}."
    return f"Figures, and tables of one network, are of {run.name}, as asked for; {stands} is {median.name}."


def seeds_table(seeds: Sequence[SeedScores], metric: Objective, *, shown: str) -> Markup:
    """Returns the table of all seeds, with that of the figures in bold, and their mean."""
    header, rows = seed_rows(seeds, metric)
    marked = [(Markup(f"**{cells[0]}**") if cells[0] == shown else cells[0], *cells[1:]) for cells in rows]
    return table(header, marked, align=("left",))


def seed_rows(seeds: Sequence[SeedScores], metric: Objective) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns the titles and the cells of all seeds, the last row for their mean and deviation."""
    splits = [split for split in seeds[0].scores if all(split in one.scores for one in seeds)]
    titles = [f"{split.capitalize()} {metric_title(metric)}" for split in splits]
    rows = [
        (
            one.run,
            str(one.seed),
            str(one.best_epoch or ABSENT),
            *(score_text(getattr(one.scores[split], metric)) for split in splits),
            *(number(one.scores[split].loss) for split in splits[-1:]),
        )
        for one in seeds
    ]
    means = [spread(Spread.of([getattr(one.scores[split], metric) for one in seeds])) for split in splits]
    loss = Spread.of([one.scores[splits[-1]].loss for one in seeds]).mean
    return (
        ("Run", "Seed", "Best epoch", *titles, f"{splits[-1].capitalize()} log loss"),
        [*rows, ("Mean", "", "", *means, number(loss))],
    )

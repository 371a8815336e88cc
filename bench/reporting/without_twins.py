"""Scores a row apart from the test clips that have a twin in training or validation.

Where the harness cuts the splits, there are none. Official splits are used as they are: their figures are those that others
publish, too, and beside them stands what is left once the clips that training or validation gives away are taken out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bench.evaluation.metrics import Objective, Scores, basic_scores
from bench.evaluation.predictions import Predictions
from bench.markdown import Alignment, bullets, details, heading, table
from bench.reporting.leaderboard_records import Protocol, Row
from bench.reporting.numbers import Spread, plural, readable_name, spread
from bench.reporting.over_folds import FinalRun, mean_scores, over_folds
from bench.results.study_folder import StudyFolder
from bench.results.study_records import StudyRecord

MAX_TWINS = 100
"""Clips that a page lists; its JSON has all of them."""


def with_twins_apart(protocol: Protocol, members: Sequence[tuple[StudyFolder, StudyRecord]]) -> Protocol:
    """Adds the test clips that have twins, and every row's scores without them, if there are such clips.

    Args:
        protocol: A protocol with its rows.
        members: Its studies.
    """
    newest = max((record for _, record in members), key=lambda record: record.created)
    twins = {fold.name: fold.test_twins for fold in newest.data.folds if fold.test_twins}
    if not twins:
        return protocol
    finals = {f"{study.name}/{run.name}": (study, run) for study, _ in members for run in study.finals()}
    rows = [
        row.model_copy(update={"without_twins": _without_twins(row, finals, protocol.folds, twins)})
        for row in protocol.rows
    ]
    return protocol.model_copy(update={"twins": twins, "rows": tuple(rows)})


def _without_twins(
    row: Row, finals: Mapping[str, FinalRun], folds: Sequence[str], twins: Mapping[str, Collection[str]]
) -> dict[Objective, Spread] | None:
    """Scores of a row, as in `Row.test`, over the other test clips; None if a fold has no others."""
    by_seed: list[Scores] = []
    for seed in over_folds(row.runs, folds=folds):
        runs = [finals[run.run] for run in row.runs if run.spec.seed == seed.seed]
        left = [_left(study.predictions(run, "test"), twins.get(run.spec.fold, ())) for study, run in runs]
        if not all(len(predictions.ids) for predictions in left):
            return None
        by_seed.append(mean_scores([basic_scores(predictions) for predictions in left]))
    return {
        "accuracy": Spread.of([scores.accuracy for scores in by_seed]),
        "balanced_accuracy": Spread.of([scores.balanced_accuracy for scores in by_seed]),
    }


def _left(predictions: Predictions, twins: Collection[str]) -> Predictions:
    """The predictions for the clips that are no twins."""
    without = set(twins)
    rows = [row for row, id in enumerate(predictions.ids) if id not in without]
    return replace(
        predictions,
        ids=tuple(predictions.ids[row] for row in rows),
        groups=tuple(predictions.groups[row] for row in rows),
        targets=predictions.targets[rows],
        probabilities=predictions.probabilities[rows],
    )


def twins_section(protocol: Protocol) -> list[str]:
    """Returns the section of a page on twins, empty if no test clip has one in training or validation.

    Args:
        protocol: A protocol with rows.
    """
    if not protocol.twins:
        return []
    metrics: dict[Objective, None] = dict.fromkeys((protocol.objective, "accuracy"))
    twins = [f"{fold}: {clip}" if fold else clip for fold, clips in protocol.twins.items() for clip in clips]
    tested = sum({run.spec.fold: run.test.clips for run in protocol.rows[0].runs}.values())
    rows = [
        (
            str(row.rank),
            row.id,
            *(
                cell
                for name in metrics
                for cell in (spread(row.test[name]), spread(row.without_twins[name] if row.without_twins else None))
            ),
        )
        for row in protocol.rows
    ]
    columns = (
        *("Rank", "Row"),
        *(f"Test {readable_name(name)}, {clips}" for name in metrics for clips in ("all", "without twins")),
    )
    left: tuple[Alignment, ...] = ("right", "left")
    explanation = (
        f"Of {tested:,} test clips {len(twins):,} {'has' if len(twins) == 1 else 'have'} a twin in training or validation: "
        "a clip that holds the same recording. Splits that are given are used as they are. Without twins: the same networks "
        f"on the other {tested - len(twins):,} clips. docs/leakage.md says how twins are found."
    )
    listed = [*twins[:MAX_TWINS], *([f"and {len(twins) - MAX_TWINS:,} more"] if len(twins) > MAX_TWINS else [])]
    return [
        heading(3, "All test clips, and those without twins"),
        table(columns, rows, align=left),
        explanation,
        details(f"{plural(len(twins), 'clip')} with a twin in training or validation", bullets(listed)),
    ]

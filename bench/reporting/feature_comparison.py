"""Feature against feature for one model, from runs that are on record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.files import write_atomically
from bench.reporting.figures import Compared, comparison
from bench.reporting.numbers import Spread
from bench.results.study_folder import StudyFolder, validation_score
from bench.results.study_records import RunRecord


def compare_features(runs: Sequence[RunRecord], *, model: str = "") -> bytes:
    """The figure of a model with each of its features; without a name, of the best model that was run with several.

    Of each feature the configuration with the best validation score is shown, among those that were tested where some were.
    Raises BenchError where no model was run to its end with two features, and where runs are of different data.
    """
    complete = [run for run in runs if run.result.status == "complete" and run.result.validation is not None]
    if len({run.spec.revision for run in complete}) > 1:
        raise BenchError(
            "the runs are of different data, so their figures cannot be compared: name runs on one data set"
        )
    by_model: dict[str, dict[str, list[RunRecord]]] = {}
    for run in complete:
        by_model.setdefault(run.spec.model.name, {}).setdefault(run.spec.feature.name, []).append(run)
    if model and model not in by_model:
        raise BenchError(f"no complete run of model {model!r}: {did_you_mean(model, by_model)}")
    several = {name: features for name, features in by_model.items() if len(features) > 1 and name == (model or name)}
    if not several:
        of = f"model {model}" if model else "any model"
        raise BenchError(f"no two features of {of} have complete runs: name a study that has, or several runs")
    best = max((run for run in complete if run.spec.model.name in several), key=validation_score)
    chosen = best.spec.model.name
    found = [_compared(feature, of_feature) for feature, of_feature in sorted(several[chosen].items())]
    return comparison(found, f"{chosen} on {best.spec.dataset.name}: the best run with each feature")


def write_comparison(study: StudyFolder, path: Path) -> tuple[Path, ...]:
    """Writes the figure of a study's best model that has several features; nothing where none has, or it cannot be drawn.

    Raises BenchError where the file cannot be written.
    """
    try:
        content = compare_features([*study.trials(), *study.finals()])
    except Exception:  # a figure is no reason to lose the end of a study; bench figure comparison says what is wrong
        return ()
    write_atomically(path, content)
    return (path,)


def _compared(feature: str, runs: list[RunRecord]) -> Compared:
    candidates = [run for run in runs if run.result.test is not None] or runs
    best = max(candidates, key=validation_score)
    same = [run for run in candidates if run.spec.configuration() == best.spec.configuration()]
    tested = [run.result.test.accuracy for run in same if run.result.test is not None]
    return Compared(
        feature=feature,
        epochs=best.result.epochs,
        best_epoch=best.result.best_epoch,
        validation=Spread.of([run.result.validation.accuracy for run in same if run.result.validation is not None]),
        test=Spread.of(tested) if tested else None,
    )

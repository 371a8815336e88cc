"""Compares the features of one model by runs that are on record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.files import write_atomically
from bench.reporting.figures import FeatureResult, feature_comparison
from bench.reporting.numbers import Spread
from bench.results.study_folder import StudyFolder, validation_score
from bench.results.study_records import RunRecord


def compare_features(runs: Sequence[RunRecord], *, dataset: str, model: str = "") -> bytes:
    """Draws the figure that compares the features of a model.

    Each feature is represented by the configuration with the best validation score; if some of its configurations were
    tested, only those are considered.

    Args:
        runs: Runs on one data set.
        model: Name of the model; by default the best model that was run with several features.

    Returns:
        The figure as PNG.

    Raises:
        BenchError: No model has complete runs with two features, or the runs are of different data.
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
    with_several_features = {
        name: features for name, features in by_model.items() if len(features) > 1 and name == (model or name)
    }
    if not with_several_features:
        model_name = f"model {model}" if model else "any model"
        raise BenchError(f"no two features of {model_name} have complete runs: name a study that has, or several runs")
    best = max((run for run in complete if run.spec.model.name in with_several_features), key=validation_score)
    chosen = best.spec.model.name
    results = [
        _feature_result(feature, of_feature) for feature, of_feature in sorted(with_several_features[chosen].items())
    ]
    return feature_comparison(results, f"{chosen} on {dataset}: the best run with each feature")


def write_comparison(study: StudyFolder, path: Path) -> tuple[Path, ...]:
    """Writes the figure that compares the features of a study's best model.

    Returns:
        The path in a tuple, or an empty tuple if no model has several features or the figure cannot be drawn.

    Raises:
        BenchError: The file cannot be written.
    """
    try:
        png = compare_features([*study.trials(), *study.finals()], dataset=study.record().data.title)
    except Exception:  # A figure must not break the end of a study; `bench figure comparison` reports the error.
        return ()
    write_atomically(path, png)
    return (path,)


def _feature_result(feature: str, runs: list[RunRecord]) -> FeatureResult:
    candidates = [run for run in runs if run.result.test is not None] or runs
    best = max(candidates, key=validation_score)
    same_configuration = [run for run in candidates if run.spec.configuration() == best.spec.configuration()]
    metric = best.spec.objective
    tested = [getattr(run.result.test, metric) for run in same_configuration if run.result.test is not None]
    return FeatureResult(
        feature=feature,
        epochs=best.result.epochs,
        best_epoch=best.result.best_epoch,
        validation=Spread.of([validation_score(run) for run in same_configuration]),
        test=Spread.of(tested) if tested else None,
        metric=metric,
    )

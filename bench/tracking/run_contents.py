"""Converts studies, runs and epochs to the parameters, metrics, tags and notes that MLflow stores for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Any

from bench.evaluation.metrics import Objective, metric_title
from bench.markdown import bullets, code_block, escape, table
from bench.passwords import without_password
from bench.results.study_records import RunRecord, StudyRecord
from bench.trial import Epoch, Status, TrialSpec

RUN_STATUS: dict[Status, str] = {
    "complete": "FINISHED",
    "pruned": "KILLED",
    "infeasible": "KILLED",
    "out-of-memory": "KILLED",
    "diverged": "KILLED",
    "timed-out": "FAILED",
    "failed": "FAILED",
    "lost": "KILLED",
}
"""MLflow's status by ours. MLflow knows three ends, of which FAILED is for runs that a user should look at; the tag
`bench.status` holds the exact status."""

VIEW = "bench"
"""Key of the shared view of an experiment's runs that `bench ui` links to: the best run first, with the columns of
`view_columns`."""

STUDY_STATUS = {"complete": "FINISHED", "failed": "FAILED"}
"""MLflow's status of the parent run by the study's; any other status is KILLED."""


SEEDS = "seeds"
"""Kind of the run that stands for all seeds of a configuration."""
FIXED_PREFIX = "fixed."
"""Beginning of the names of parameters that the study does not search, so that those that it does stand by themselves."""


def spec_parameters(spec: TrialSpec, space: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns `model`, `feature`, `seed` and every option under a dotted name such as `feature.n_mels`.

    Args:
        spec: The specification.
        space: The study's `searched` parameters. What is not among them is called `fixed.feature.n_mels`; nothing is, if the
            space is not known.
    """
    options = {
        **flattened("dataset", spec.dataset.options),
        **flattened("feature", spec.feature.options),
        **flattened("model", spec.model.options),
        **flattened("training", spec.training.model_dump(mode="json")),
    }
    searched = space.get("searched")
    if searched is not None:
        names = {"feature": f"feature.{spec.feature.name}", "model": f"model.{spec.model.name}"}
        full = {
            name: f"{names.get(name.split('.')[0], name.split('.')[0])}.{name.partition('.')[2]}" for name in options
        }
        options = {
            (name if full[name] in searched else f"{FIXED_PREFIX}{name}"): value for name, value in options.items()
        }
    return {"model": spec.model.name, "feature": spec.feature.name, "seed": str(spec.seed), **options}


def study_parameters(record: StudyRecord) -> dict[str, str]:
    """Returns the options of a study. MLflow refuses to change a parameter, so `trials` stays the number first requested."""
    return {
        "dataset": record.data.title,
        **flattened("dataset", record.dataset.options),
        "trials": str(record.options.trials),
        "finalists": str(record.options.finalists),
        "final_seeds": str(record.options.final_seeds),
        "seed": str(record.options.seed),
        "objective": record.objective,
    }


def flattened(prefix: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Returns nested options under dotted names; strings stay as they are and other values become JSON."""
    flat: dict[str, str] = {}
    for key, value in options.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            flat |= flattened(name, value)
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def view_columns(objective: Objective) -> tuple[str, ...]:
    """Returns the columns of the view, with the score that the studies maximise."""
    metrics = (f"best_validation_{objective}", f"test_{objective}", "parameters", "train_seconds")
    return ("tags.`bench.status`", "params.`model`", "params.`feature`", *(f"metrics.`{name}`" for name in metrics))


def experiment_tags(name: str, objective: Objective) -> dict[str, str]:
    """Returns the tags of a data set's experiment, which configure how MLflow's UI displays it."""
    primary = f"best_validation_{objective}"
    view = {"orderByKey": f"metrics.`{primary}`", "orderByAsc": False, "selectedColumns": view_columns(objective)}
    return {
        "mlflow.experimentKind": "custom_model_development",  # Otherwise the UI offers its views of language models.
        "mlflow.experiment.primaryMetric.name": primary,
        "mlflow.note.content": f"Studies on {escape(name)}: a run per study, below it a run per trial and per final.",
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }


def study_tags(record: StudyRecord) -> dict[str, str]:
    """Returns the tags of the parent run."""
    return {
        **study_identity(record),
        "bench.kind": "study",
        "bench.status": "running",
        "bench.trials": str(record.options.trials),
        "bench.dataset": record.data.title,
        "bench.revision": record.data.revision,
        **{f"bench.version.{name}": version for name, version in record.versions.items()},
    }


def study_identity(record: StudyRecord) -> dict[str, str]:
    """Returns the two tags that identify a study, even on a shared server; a resumed study has the same ones."""
    return {"bench.study": record.name, "bench.created": record.created}


def run_title(name: str, spec: TrialSpec) -> str:
    """Returns the run's name in the UI, such as `trial-0007 tc-resnet + mel`."""
    return f"{name} {spec.model.name} + {spec.feature.name}"


def epoch_metrics(epoch: Epoch) -> dict[str, float]:
    """Returns one point of every curve."""
    return {
        "train_loss": epoch.train_loss,
        "train_accuracy": epoch.train_accuracy,
        "validation_loss": epoch.validation_loss,
        "validation_accuracy": epoch.validation_accuracy,
        "validation_balanced_accuracy": epoch.validation_balanced_accuracy,
        "learning_rate": epoch.learning_rate,
        "epoch_seconds": epoch.seconds,
    }


def run_metrics(run: RunRecord) -> dict[str, float]:
    """Returns the final metrics of a run.

    The UI displays the last value of a metric, so the best epoch's metrics have names of their own.
    """
    result = run.result
    metrics: dict[str, float | None] = {
        "best_epoch": result.best_epoch,
        "parameters": result.parameters,
        "latency_ms": result.latency_ms,
        "peak_memory_mb": result.peak_memory_mb,
        "train_seconds": result.train_seconds,
    }
    if result.validation is not None:
        metrics |= {f"best_validation_{name}": value for name, value in result.validation.figures().items()}
    if result.test is not None:
        metrics |= {f"test_{name}": value for name, value in result.test.figures().items()}
    for split, segments in (("validation", result.validation_segments), ("test", result.test_segments)):
        if segments is not None:
            metrics[f"{split}_segment_accuracy"] = segments.accuracy
    # A column of the UI has room for four digits; run.json holds all of them.
    return {name: round(float(value), 4) for name, value in metrics.items() if value is not None}


def seeds_title(runs: Sequence[RunRecord]) -> str:
    """Returns the name of the run that stands for all seeds: `final-1 tc-resnet + mel, mean of 3 seeds`."""
    seeds = len({run.spec.seed for run in runs})
    return run_title(f"final-{runs[0].number}", runs[0].spec) + (
        f", mean of {seeds} seeds" if seeds > 1 else ", one seed"
    )


def seeds_metrics(runs: Sequence[RunRecord]) -> dict[str, float]:
    """Returns the mean of every metric over seeds, each the mean over its outer folds, and the sample standard deviation of
    the scores as `test_accuracy_deviation`."""
    by_seed: dict[int, list[dict[str, float]]] = {}
    for run in runs:
        by_seed.setdefault(run.spec.seed, []).append(run_metrics(run))
    seeds = [
        {name: fmean(of_fold[name] for of_fold in folds) for name in folds[0] if all(name in f for f in folds)}
        for folds in by_seed.values()
    ]
    metrics: dict[str, float] = {}
    for name in (name for name in seeds[0] if all(name in seed for seed in seeds)):
        values = [seed[name] for seed in seeds]
        metrics[name] = round(fmean(values), 4)
        if len(values) > 1 and name.startswith(("best_validation_", "test_")):
            metrics[f"{name}_deviation"] = round(stdev(values), 4)
    return metrics


def run_tags(run: RunRecord) -> dict[str, str]:
    """Returns tags that say how a run ended and on which hardware."""
    tags: dict[str, str] = {"bench.status": run.result.status, "bench.reason": run.result.reason}
    if run.result.reason:
        tags["mlflow.note.content"] = f"**{run.result.status}**: {escape(run.result.reason)}"
    if run.result.hardware is not None:
        tags["bench.device"] = run.result.hardware.device
        tags["bench.system"] = run.result.hardware.system
        tags["bench.threads"] = str(run.result.hardware.threads)
        tags["bench.compiled"] = "yes" if run.result.hardware.compiled else ""
    return {name: value for name, value in tags.items() if value}


def study_note(record: StudyRecord) -> str:
    """Returns the parent run's description in Markdown."""
    clips = ", ".join(f"{record.data.clips(split):,} {split}" for split in record.data.supports)
    lines = [
        f"**{record.trials} trials on {escape(record.data.title)}**, searching for the best validation "
        f"{metric_title(record.objective)} (seed {record.options.seed}). The best {record.options.finalists} by "
        f"validation are retrained with {record.options.final_seeds} seeds each and tested once.",
        f"Data: {len(record.data.labels)} classes; clips: {clips}; revision `{record.data.revision}`.",
    ]
    if record.enqueued:
        lines.append(f"Tried first: {escape(', '.join(record.enqueued))}.")
    lines.append(code_block(without_password(record.command)))
    lines.append(bullets(record.data.notes))
    return "\n\n".join(filter(None, lines))


def study_result(status: str, figures: Mapping[str, float]) -> str:
    """Returns the final part of the parent run's description: the study's status and figures."""
    rows = [(name.replace("_", " "), f"{value:.4g}") for name, value in figures.items()]
    return f"**Result: {escape(status)}**" + (f"\n\n{table(('', ''), rows, align=('left',))}" if rows else "")


def page_links(experiment: str, pages: Iterable[tuple[str, str, str]]) -> str:
    """Returns a line of links that open HTML files among the artifacts, in the Markdown of MLflow's own pages.

    Args:
        experiment: MLflow's id of the experiment.
        pages: Of each file what it is called, MLflow's id of its run, and its name.
    """
    links = [f"[{escape(name)}](#/experiments/{experiment}/runs/{run}/artifacts/{file})" for name, run, file in pages]
    return f"Pages: {', '.join(links)}" if links else ""


def milliseconds(timestamp: str) -> int:
    """Returns an ISO 8601 time in milliseconds since 1970; a time without a zone is UTC."""
    time = datetime.fromisoformat(timestamp)
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)

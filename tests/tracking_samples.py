"""A small study for the tests of tracking: records as the scheduler makes them, with scores from real predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.data.prepared import FoldData, PreparedData
from bench.evaluation.metrics import score
from bench.evaluation.predictions import Predictions
from bench.options import RunOptions
from bench.plugins import PluginConfig, TrainingSettings
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunKind, RunRecord, StudyRecord
from bench.trial import Epoch, Hardware, Status, TrialOutcome, TrialResult, TrialSpec

DATASET = PluginConfig(name="fsdd", options={"split": "official"})
LABELS = ("zero", "one", "two")


def study_record(name: str = "digits", *, trials: int = 4, created: str = "2026-01-02T03:04:05+00:00") -> StudyRecord:
    data = PreparedData(
        dataset=DATASET,
        revision="0123456789abcdef",
        labels=LABELS,
        folds=(
            FoldData(
                name="",
                seconds=1.0,
                supports={"train": (8, 8, 8), "validation": (2, 2, 2), "test": (2, 2, 2)},
                grouped={"train": True, "validation": True, "test": True},
            ),
        ),
        caches={16000: Path("cache")},
    )
    return StudyRecord(
        name=name,
        command="bench run --dataset fsdd --trials 4 --tracking-uri http://ann:s3cret@host:5000",
        created=created,
        dataset=DATASET,
        data=data,
        options=RunOptions(trials=trials, finalists=1, final_seeds=2),
        objective="accuracy",
        space={},
        enqueued=("digits-cnn",),
        versions={"bench": "0.1.0"},
    )


def trial_spec(seed: int = 7) -> TrialSpec:
    return TrialSpec(
        dataset=DATASET,
        revision="0123456789abcdef",
        feature=PluginConfig(name="mel", options={"n_mels": 40, "log": "db"}),
        model=PluginConfig(name="tc-resnet", options={"width": 1.5}),
        training=TrainingSettings(epochs=3),
        seed=seed,
    )


def epoch(number: int, accuracy: float) -> Epoch:
    return Epoch(
        number=number,
        learning_rate=1e-3 / number,
        train_loss=1 / number,
        train_accuracy=accuracy,
        validation_loss=1.1 / number,
        validation_accuracy=accuracy,
        validation_balanced_accuracy=accuracy / 2,
        seconds=2.0,
    )


EPOCHS = (epoch(1, 0.5), epoch(2, 5 / 6), epoch(3, 4 / 6))
"""The second is the best, so the last value of the curve is not the best one."""


def predictions(wrong: int) -> Predictions:
    """Six clips, the first `wrong` of them taken for the next class."""
    targets = np.repeat(np.arange(3), 2)
    said = np.where(np.arange(6) < wrong, (targets + 1) % 3, targets)
    probabilities = np.full((6, 3), 0.1, np.float32)
    probabilities[np.arange(6), said] = 0.8
    return Predictions(LABELS, tuple(f"{clip}.wav" for clip in range(6)), ("ann",) * 6, targets, probabilities)


def finished(
    number: int, *, study: str = "digits", kind: RunKind = "trial", repeat: int = 0, status: Status = "complete"
) -> tuple[RunRecord, TrialOutcome]:
    """A run as the scheduler records it; one that did not complete has a reason and no scores."""
    complete = status == "complete"
    validation = predictions(1) if complete else None
    test = predictions(2) if complete and kind == "final" else None
    result = TrialResult(
        status=status,
        reason="" if complete else "the reason in a line",
        epochs=EPOCHS if complete else (),
        best_epoch=2 if complete else None,
        validation=score(validation) if validation else None,
        test=score(test) if test else None,
        parameters=66_000,
        train_seconds=6.0,
        latency_ms=2.5 if complete else None,
        hardware=Hardware(device="cpu", threads=1, system="Linux x86_64", versions={}),
        traceback="Traceback ...\nValueError: no" if status == "failed" else "",
    )
    run = RunRecord(
        study=study,
        kind=kind,
        number=number,
        repeat=repeat,
        origin="sampler",
        started="2026-01-02T03:05:00+00:00",
        finished="2026-01-02T03:05:09+00:00",
        spec=trial_spec(seed=number + repeat),
        result=result,
    )
    return run, TrialOutcome(result=result, validation=validation, test=test, weights=b"weights" if test else None)


def save(results: Path, run: RunRecord, outcome: TrialOutcome) -> Path:
    """Writes the run as the scheduler does, and returns its folder."""
    return StudyFolder(results / run.study).save(run, outcome)

"""Results folders made on the spot for the reporting tests: real networks' stand-ins are logistic regressions on blobs,
so that predictions, probabilities and mistakes are real ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.data.prepared import FoldData, PreparedData
from bench.evaluation.metrics import score
from bench.evaluation.predictions import Predictions
from bench.options import RunOptions
from bench.plugins import PluginConfig, TrainingSettings
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunKind, RunRecord, StudyRecord
from bench.trial import Epoch, Hardware, Status, TrialOutcome, TrialResult, TrialSpec

LABELS = ("zero", "one", "two", "three")
CLIPS = {"train": 120, "validation": 60, "test": 90}


@cache
def fitted(
    *, seed: int, labels: tuple[str, ...] = LABELS, speakers: int = 6, noise: float = 1.2
) -> dict[str, Predictions]:
    """Predictions of one regression by split. The clips are the same for every seed; the training clips drawn differ."""
    centres = np.random.default_rng(0).normal(size=(len(labels), 5))
    by_split = {}
    network = LogisticRegression(max_iter=300)
    for number, (split, clips) in enumerate(CLIPS.items()):
        random = np.random.default_rng(number)
        targets = np.arange(clips) % len(labels)
        points = centres[targets] + noise * random.normal(size=(clips, 5))
        if split == "train":
            drawn = np.random.default_rng(seed).choice(clips, size=clips // 2, replace=False)
            network.fit(points[np.union1d(drawn, range(len(labels)))], targets[np.union1d(drawn, range(len(labels)))])
            continue
        by_split[split] = Predictions(
            labels=labels,
            ids=tuple(f"{split}/{i}.wav" for i in range(clips)),
            groups=tuple(f"speaker-{i // len(labels) % speakers}" if speakers else "" for i in range(clips)),
            targets=targets.astype(np.int64),
            probabilities=network.predict_proba(points).astype(np.float32),
        )
    return by_split


def study_record(name: str = "first", *, labels: tuple[str, ...] = LABELS, **changes: Any) -> StudyRecord:
    dataset = changes.pop("dataset", PluginConfig(name="blobs", options={"split": "official"}))
    revision = changes.pop("revision", "0123456789abcdef")
    data = PreparedData(
        dataset=dataset,
        revision=revision,
        labels=labels,
        folds=(
            FoldData(
                name="",
                seconds=1.0,
                supports={
                    split: tuple(len(range(label, clips, len(labels))) for label in range(len(labels)))  # type: ignore[misc]
                    for split, clips in CLIPS.items()
                },
                grouped={"train": True, "validation": True, "test": True},
            ),
        ),
        caches={16000: Path("/secret/cache")},
        notes=changes.pop("notes", ("2 files could not be read and were skipped",)),
    )
    fields: dict[str, Any] = {
        "name": name,
        "command": f"bench run --dataset blobs --data-dir /secret/data --trials 4 --study {name}",
        "created": "2025-01-01T10:00:00+00:00",
        "dataset": dataset,
        "data": data,
        "options": RunOptions(trials=4, finalists=changes.pop("finalists", 2), final_seeds=3),
        "objective": "accuracy",
        "space": {
            "searched": {"model": "logistic | other", "training.epochs": "4 to 24 (log)"},
            "fixed": {"training.gain": 0.0},
        },
        "enqueued": ("blobs-recipe", "defaults of logistic"),
        "versions": {"bench-audio": "0.1.0", "torch": "2.11.0"},
    }
    return StudyRecord(**(fields | changes))


def run_record(
    record: StudyRecord,
    *,
    kind: RunKind = "trial",
    number: int = 0,
    repeat: int = 0,
    status: Status = "complete",
    reason: str = "",
    predictions: dict[str, Predictions] | None = None,
    origin: str = "sampler",
    finished: str = "2025-01-01T11:00:00+00:00",
    **configuration: Any,
) -> RunRecord:
    """A run with its scores computed from `predictions`; a trial is not scored on the test split."""
    spec = TrialSpec(
        dataset=record.dataset,
        revision=record.data.revision,
        feature=PluginConfig(name="mel", options={"n_mels": 40}),
        model=PluginConfig(name="logistic", options={"width": configuration.pop("width", 1.0)}),
        training=TrainingSettings(epochs=configuration.pop("epochs", 3)),
        objective=record.objective,
        seed=configuration.pop("seed", 1000 + repeat),
    )
    assert not configuration
    scored = predictions or {}
    result = TrialResult(
        status=status,
        reason=reason,
        epochs=tuple(
            Epoch(
                number=n,
                learning_rate=0.002,
                train_loss=1.0 / n,
                train_accuracy=1 - 0.5 / n,
                validation_loss=1.2 / n,
                validation_accuracy=0.9 - 0.5 / n,
                validation_balanced_accuracy=0.9 - 0.5 / n,
                seconds=0.5,
            )
            for n in (1, 2, 3)
        ),
        best_epoch=2,
        validation=score(scored["validation"]) if scored else None,
        test=score(scored["test"]) if scored and kind == "final" else None,
        parameters=1234,
        train_seconds=83.0,
        latency_ms=1.5,
        hardware=Hardware(device="cpu", threads=1, system="Linux x86_64", versions={"torch": "2.11.0"}),
    )
    return RunRecord(
        study=record.name,
        kind=kind,
        number=number,
        repeat=repeat,
        origin=origin,
        started="2025-01-01T10:30:00+00:00",
        finished=finished,
        spec=spec,
        result=result,
    )


def save(study: StudyFolder, run: RunRecord, predictions: dict[str, Predictions] | None = None) -> None:
    by_split = predictions or {}
    test = by_split.get("test") if run.kind == "final" else None
    study.save(run, TrialOutcome(result=run.result, validation=by_split.get("validation"), test=test))


def make_study(
    results: Path, name: str = "first", *, finals: int = 2, labels: tuple[str, ...] = LABELS, **changes: Any
) -> tuple[StudyFolder, StudyRecord]:
    """A study with four trials (two complete, one pruned, one failed) and, of `finals` configurations, three seeds each."""
    record = study_record(name, labels=labels, **changes)
    study = StudyFolder(results / name)
    study.write(record)
    for number in range(2):
        predictions = fitted(seed=number, labels=labels, noise=0.9 + 0.4 * number)
        origin = "blobs-recipe" if number == 0 else "sampler"
        save(
            study,
            run_record(record, number=number, width=1.0 + number, predictions=predictions, origin=origin),
            predictions,
        )
    save(study, run_record(record, number=2, status="pruned", reason="behind the median at epoch 3", width=3.0))
    save(study, run_record(record, number=3, status="failed", reason="ValueError: <b>no</b> | such `thing`", width=4.0))
    for rank in range(1, finals + 1):
        for repeat in range(3):
            predictions = fitted(seed=10 * rank + repeat, labels=labels, noise=0.5 + 0.4 * rank)
            run = run_record(
                record,
                kind="final",
                number=rank,
                repeat=repeat,
                width=float(rank),
                predictions=predictions,
                origin=f"rank {rank} by validation",
            )
            save(study, run, predictions)
    return study, record

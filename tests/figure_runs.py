"""Runs that were trained and tested for the tests of figures: small networks on tones, with their weights and audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from made_audio import cats_and_dogs, prepared
from reporting_results import study_record

from bench.plugins import PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialSpec
from bench.trial.run_trial import complete_trial, run_trial

MEL = PluginConfig(name="mel", options={"sample_rate": 8000, "n_mels": 20})
CNN = PluginConfig(name="cnn", options={"channels": 4, "blocks": 3})


def train_on_tones(
    folder: Path, name: str = "tones", *, feature: PluginConfig = MEL, model: PluginConfig = CNN, **training: Any
) -> tuple[StudyFolder, RunRecord]:
    """A final of one epoch on two classes of half-second tones; its results are in `folder`/results."""
    root = folder / "tones"
    if not root.is_dir():
        cats_and_dogs(root, clips=20)
    dataset = installed().dataset(PluginConfig(name="folder", options={"path": str(root)}))
    data = prepared(dataset, folder)
    spec = TrialSpec(
        dataset=dataset.config(),
        revision=data.revision,
        feature=installed().feature(feature).config(),
        model=installed().model(model).config(),
        training=TrainingSettings(**{"epochs": 1, "batch_size": 8, **training}),
        seed=3,
    )
    outcome = complete_trial(run_trial(spec, DataOnDevice(data, torch.device("cpu")), registry=installed(), test=True))
    assert outcome.result.status == "complete", outcome.result.reason
    record = study_record(name, dataset=spec.dataset).model_copy(update={"data": data})
    study = StudyFolder(folder / "results" / name)
    study.write(record)
    moment = "2025-01-01T10:00:00+00:00"
    run = RunRecord(
        study=name, kind="final", number=1, started=moment, finished=moment, spec=spec, result=outcome.result
    )
    study.save(run, outcome)
    return study, run

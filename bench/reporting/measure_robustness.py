"""Tests networks that are on record under noise and other conditions, from their stored weights."""

from __future__ import annotations

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.plugins.registry import Registry
from bench.reporting.example_audio import is_decoded
from bench.results.stored_model import stored_model
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord


def measure_robustness(study: StudyFolder, run: RunRecord, data: PreparedData, *, registry: Registry) -> None:
    """Tests a run under every condition on the CPU, as a study with `--robustness` does, and saves its predictions.

    Raises:
        BenchError: The run stored no weights, or its audio is no longer decoded.
    """
    import torch

    from bench.results.load_network import load_network
    from bench.training.device_clips import DataOnDevice
    from bench.trial.robustness import under_conditions

    data = data.of_fold(run.spec.fold)
    loaded = load_network(stored_model(study, run, data, registry), registry)
    rate = loaded.front_end.feature.sample_rate
    if not is_decoded(data, rate):
        raise BenchError(
            f"the audio of {run.study}/{run.name} is no longer decoded: bench figure clip {run.study}/{run.name} decodes it"
        )
    clips = DataOnDevice(data, torch.device("cpu")).split("test", rate)
    under = under_conditions(loaded.network, loaded.front_end, run.spec.training, clips=clips, labels=data.labels)
    study.save_robustness(run, dict(under))

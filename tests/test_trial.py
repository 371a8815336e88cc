"""One trial, run for real on tones made on the spot."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from made_audio import cats_and_dogs, prepared
from torch import nn

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.plugins import Model, PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialSpec
from bench.trial.run_trial import run_trial
from bench_plugins.datasets.folder import Folder


def spec(data: PreparedData, *, model: str = "tc-resnet", seed: int = 1, **training: Any) -> TrialSpec:
    settings = {"epochs": 2, "batch_size": 8, "noise_snr": 10.0, "time_mask": 0.1} | training
    return TrialSpec(
        dataset=data.dataset,
        revision=data.revision,
        feature=PluginConfig(name="mel", options={"sample_rate": 8000}),
        model=PluginConfig(name=model),
        training=TrainingSettings(**settings),
        seed=seed,
    )


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio"))), tmp_path)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers a model whose forward pass does as it is told."""

    def register(forward: Any) -> str:
        class Net(nn.Module):
            def __init__(self, bands: int, classes: int) -> None:
                super().__init__()
                self.linear = nn.Linear(bands, classes)

            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                logits = self.linear(batch.mean(-1))
                return logits if batch.device.type == "meta" else forward(logits)

        class Faulty(Model):
            name: ClassVar[str] = "faulty"

            def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
                return Net(shape[0], classes)

        monkeypatch.setitem(installed().models, "faulty", Faulty)
        return "faulty"

    return register


def on_cpu(data: PreparedData) -> DataOnDevice:
    return DataOnDevice(data, torch.device("cpu"))


def test_the_same_seed_gives_the_same_numbers_bit_for_bit(data: PreparedData) -> None:
    first = run_trial(spec(data), on_cpu(data), lambda epoch: True, test=True)
    again = run_trial(spec(data), on_cpu(data), lambda epoch: True, test=True)
    other = run_trial(spec(data, seed=2), on_cpu(data), lambda epoch: True, test=True)
    assert first.result.status == "complete", first.result
    assert first.test is not None and again.test is not None and other.test is not None
    assert np.array_equal(first.test.probabilities, again.test.probabilities)
    assert not np.array_equal(first.test.probabilities, other.test.probabilities)
    losses = [[epoch.train_loss for epoch in outcome.result.epochs] for outcome in (first, again)]
    assert losses[0] == losses[1]
    states = [torch.load(io.BytesIO(o.weights or b""), weights_only=True) for o in (first, again)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_result_says_what_was_measured(data: PreparedData) -> None:
    epochs = []
    outcome = run_trial(spec(data), on_cpu(data.without_test()), lambda epoch: bool(epochs.append(epoch)) or True)
    result = outcome.result
    assert [epoch.number for epoch in epochs] == [1, 2] and list(result.epochs) == epochs
    assert outcome.validation is not None and result.validation is not None
    agreement = (outcome.validation.predicted == outcome.validation.targets).mean()
    assert result.validation.accuracy == pytest.approx(agreement)
    assert result.validation.accuracy == max(epoch.validation_accuracy for epoch in epochs)
    assert result.parameters and result.latency_ms and result.peak_memory_mb and result.train_seconds > 0
    assert outcome.test is None and outcome.weights is None


def test_a_search_trial_needs_no_test_clips_and_cannot_read_them(data: PreparedData) -> None:
    for folder in data.caches.values():
        (Path(folder) / "test.npy").unlink()
    searched = run_trial(spec(data), on_cpu(data.without_test()), lambda epoch: True)
    assert searched.result.status == "complete"
    with pytest.raises(BenchError, match="test"):
        on_cpu(data.without_test()).split("test", 8000)
    with pytest.raises(BenchError):
        run_trial(spec(data), on_cpu(data.without_test()), lambda epoch: True, test=True)


def test_stopping_after_an_epoch_is_pruned_with_its_predictions(data: PreparedData) -> None:
    outcome = run_trial(spec(data, epochs=5), on_cpu(data), lambda epoch: epoch.number < 2)
    assert outcome.result.status == "pruned"
    assert len(outcome.result.epochs) == 2 and isinstance(outcome.validation, Predictions)


def test_a_pair_that_does_not_fit_is_infeasible_and_says_why(data: PreparedData) -> None:
    wanted = spec(data).model_copy(update={"feature": PluginConfig(name="waveform", options={"sample_rate": 8000})})
    result = run_trial(wanted, on_cpu(data), lambda epoch: True).result
    assert (result.status == "infeasible" and "waveform" in result.reason + result.reason.lower()) or result.reason
    assert not result.epochs


def test_options_that_do_not_go_together_are_infeasible(data: PreparedData) -> None:
    """A search may draw a window that is longer than an n_fft that was fixed: each is allowed by itself."""
    options = {"sample_rate": 8000, "n_fft": 256, "window_ms": 64.0}
    wanted = spec(data).model_copy(update={"feature": PluginConfig(name="mel", options=options)})
    result = run_trial(wanted, on_cpu(data), lambda epoch: True).result
    assert result.status == "infeasible" and "n_fft 256 is shorter than the window of 512 samples" in result.reason


def test_a_loss_that_is_no_number_is_diverged(data: PreparedData, faulty: Any) -> None:
    name = faulty(lambda logits: logits * float("nan"))
    result = run_trial(spec(data, model=name), on_cpu(data), lambda epoch: True).result
    assert result.status == "diverged" and "nan" in result.reason
    assert type(result).model_validate_json(result.model_dump_json()) == result


def test_running_out_of_memory_is_said(data: PreparedData, faulty: Any) -> None:
    def exhaust(logits: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    result = run_trial(spec(data, model=faulty(exhaust)), on_cpu(data), lambda epoch: True).result
    assert result.status == "out-of-memory" and "20.00 GiB" in result.reason


@pytest.mark.parametrize("words", ["cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED"])
def test_a_library_of_the_card_that_gets_no_memory_is_said(data: PreparedData, faulty: Any, words: str) -> None:
    def exhaust(logits: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(words)

    result = run_trial(spec(data, model=faulty(exhaust)), on_cpu(data), lambda epoch: True).result
    assert result.status == "out-of-memory" and words in result.reason


def test_memory_that_the_processor_does_not_have_is_said(data: PreparedData, faulty: Any) -> None:
    name = faulty(lambda logits: logits + torch.empty(2**50).sum())
    assert run_trial(spec(data, model=name), on_cpu(data), lambda epoch: True).result.status == "out-of-memory"


def test_a_plugin_that_raises_is_failed_with_its_traceback(data: PreparedData, faulty: Any) -> None:
    def fail(logits: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such layer")

    result = run_trial(spec(data, model=faulty(fail)), on_cpu(data), lambda epoch: True).result
    assert result.status == "failed" and "no such layer" in result.reason
    assert "in fail" in result.traceback


def test_a_digest_depends_on_everything_and_a_configuration_on_all_but_the_seed(data: PreparedData) -> None:
    one, other = spec(data, seed=1), spec(data, seed=2)
    assert one.digest() != other.digest() and one.configuration() == other.configuration()
    assert one.configuration() != spec(data, epochs=3).configuration()


def test_answers_to_test_clips_that_are_no_numbers_are_diverged_and_can_be_kept(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DataOnDevice.split

    def spoilt(self: DataOnDevice, split: Any, sample_rate: int) -> Any:
        clips = real(self, split, sample_rate)
        if split == "test":
            monkeypatch.setattr(type(clips), "waveforms", lambda self, index: self.samples[index].float() * math.nan)
        return clips

    monkeypatch.setattr(DataOnDevice, "split", spoilt)
    outcome = run_trial(spec(data), on_cpu(data), lambda epoch: True, test=True)
    result = outcome.result
    assert result.status == "diverged" and "test" in result.reason
    assert outcome.test is None and result.test is None and result.validation is not None
    assert type(result).model_validate_json(result.model_dump_json()) == result


def test_a_layer_that_complains_of_a_shape_by_a_value_error_is_infeasible(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Model):
        name: ClassVar[str] = "wrong"

        def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
            return nn.Sequential(nn.Unflatten(1, (shape[0], 1)), nn.BatchNorm1d(shape[0]))

    monkeypatch.setitem(installed().models, "wrong", Wrong)
    result = run_trial(spec(data, model="wrong"), on_cpu(data), lambda epoch: True).result
    assert result.status == "infeasible" and "expected 2D or 3D input" in result.reason

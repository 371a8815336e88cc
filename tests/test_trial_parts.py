"""Trials on segments, on clips of their own lengths, on copies; early stopping, the range test, the budget: run for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from made_audio import prepared, tone, write
from test_trial import on_cpu, spec
from test_trial import run as run_as
from torch import Tensor, nn

from bench.data.offline_augmentation import prepare_augmented_copies
from bench.data.prepared import PreparedData
from bench.options import RunOptions
from bench.plugins import Model, TrainingSettings
from bench.plugins.registry import installed
from bench.training import budget
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialOutcome
from bench.trial.run_trial import run_range_test
from bench.trial.timing import time_training
from bench_plugins.datasets.folder import Folder


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    """Two classes of clips of 0.3 to 0.9 s, whose class is the pitch."""
    splits = ["train"] * 7 + ["validation", "test"] + ["train"]
    for place in range(60):
        kind = place % 2
        samples = tone(kind, seconds=0.3 + 0.01 * place)
        samples[: len(samples) // 3] *= 0.02
        folder = tmp_path / "audio" / splits[place // 2 % 10] / ("cat", "dog")[kind]
        write(folder / f"s{place % 5}_{place}.wav", samples)
    return prepared(Folder(path=str(tmp_path / "audio")), tmp_path)


class _Mean(nn.Module):
    """A linear layer over the mean of the clip's own frames."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(bands, classes)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        frames = features.shape[-1] if lengths is None else lengths[:, None]
        return self.linear(features.sum(-1) / frames)


class MeanOfFrames(Model):
    """A network of any length."""

    name: ClassVar[str] = "mean-of-frames"
    any_length: ClassVar[bool] = True

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Mean(shape[0], classes)


class Fixed(Model):
    """A network of one length."""

    name: ClassVar[str] = "fixed"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1], classes))


REGISTRY = installed().extended(models=[MeanOfFrames, Fixed])


def run(data: PreparedData, *, test: bool = False, **wanted: Any) -> TrialOutcome:
    given = {"model": "mean-of-frames", "noise_snr": None, "time_mask": 0.0, "learning_rate": 0.01} | wanted
    outcome = run_as(spec(data, **given), on_cpu(data), registry=REGISTRY, test=test)
    assert outcome.result.status == "complete", outcome.result
    return outcome


@pytest.mark.parametrize("balance", ["none", "loss", "sampling"])
def test_a_trial_on_segments_decides_clips_by_their_vote(data: PreparedData, balance: str) -> None:
    wanted = {"segment_seconds": 0.2, "segment_peak": 0.4, "steps": 6, "balance": balance, "model": "tc-resnet"}
    outcome = run(data, test=True, **wanted)
    result = outcome.result
    assert outcome.test is not None and len(outcome.test.ids) == data.clips("test")
    np.testing.assert_allclose(outcome.test.probabilities.sum(1), 1, atol=1e-5)
    assert result.validation_segments and result.test_segments and result.test and result.validation
    assert result.test.clips == data.clips("test") < result.test_segments.clips < 5 * data.clips("test")
    assert result.validation.clips == data.clips("validation") < result.validation_segments.clips
    again = run(data, test=True, **wanted)
    assert again.test is not None and np.array_equal(outcome.test.probabilities, again.test.probabilities)


def test_whole_clips_have_no_segment_scores(data: PreparedData) -> None:
    result = run(data, test=True).result
    assert result.validation_segments is None and result.test_segments is None and result.range_test is None


def test_a_network_on_segments_is_built_for_their_length(data: PreparedData) -> None:
    whole, parts = run(data, model="fixed"), run(data, model="fixed", segment_seconds=0.3)
    assert whole.result.parameters == 40 * 90 * 2 + 2
    assert parts.result.parameters == 40 * 31 * 2 + 2 and parts.result.latency_ms


def test_what_a_clip_of_its_own_length_gets_does_not_depend_on_the_others(data: PreparedData) -> None:
    outcome = run(data, test=True, lengths="own", batch_size=7, time_mask=0.2, time_shift=0.02)
    assert outcome.test is not None and outcome.weights is not None
    rate = 8000
    clips = on_cpu(data).split("test", rate)
    wanted = spec(data, model="mean-of-frames")
    feature = REGISTRY.feature(wanted.feature)
    network = REGISTRY.model(wanted.model).build(feature.shape(clips.width), 2)
    network.load_state_dict(_state(outcome))
    module = feature.build()
    for place, length in enumerate(clips.lengths.tolist()):
        alone = module(clips.waveforms(slice(place, place + 1))[:, :length])
        with torch.no_grad():
            probabilities = network(alone).softmax(1)[0].numpy()
        np.testing.assert_allclose(outcome.test.probabilities[place], probabilities, atol=1e-5)


def _state(outcome: TrialOutcome) -> dict[str, Tensor]:
    from safetensors.torch import load

    return load(outcome.weights or b"")


def test_the_same_seed_gives_the_same_numbers_on_clips_of_their_own_lengths(data: PreparedData) -> None:
    one, other = (
        run(data, lengths="own", batch_size=5, noise_snr=10.0, gain=6.0, frequency_mask=0.1) for _ in range(2)
    )
    assert one.validation is not None and other.validation is not None
    assert np.array_equal(one.validation.probabilities, other.validation.probabilities)


def test_a_network_of_one_length_cannot_take_clips_of_their_own(data: PreparedData) -> None:
    result = run_as(spec(data, lengths="own", model="cnn"), on_cpu(data)).result
    assert result.status == "infeasible" and "cnn takes clips of one length" in result.reason


def test_training_ends_when_patience_does_and_the_best_epoch_is_tested(data: PreparedData) -> None:
    """A learning rate that ruins what it learns: the first epochs are the best."""
    wanted = {"learning_rate": 1e-9, "schedule": "constant", "epochs": 12, "time_shift": 0.0, "batch_size": 16}
    result = run(data, test=True, patience=3, **wanted).result
    assert result.status == "complete" and result.reason == "" and result.best_epoch is not None
    assert len(result.epochs) == result.best_epoch + 3 < 12
    assert len(run(data, **wanted).result.epochs) == 12


def test_an_epoch_has_on_record_the_learning_rate_that_it_began_with(data: PreparedData) -> None:
    epochs = run(data, schedule="step", epochs=3, learning_rate=0.02, optimiser="adam", batch_size=16).result.epochs
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx([0.02, 0.02, 0.002])


def test_a_trial_has_the_load_of_the_machine_on_record(data: PreparedData) -> None:
    load = run(data, epochs=1, batch_size=16).result.load
    assert load is not None and load.cores >= 1 and min(load.start, load.end) >= 0
    assert load.heavy == (max(load.start, load.end) > load.cores)


def test_a_trial_takes_the_learning_rate_that_its_range_test_suggests(data: PreparedData) -> None:
    found = run(data, find_learning_rate=True, batch_size=16)
    test = found.result.range_test
    assert test is not None and len(test.rates) == len(test.losses) > 10
    given = run(data, learning_rate=test.suggestion, batch_size=16)
    assert [epoch.train_loss for epoch in found.result.epochs] == [epoch.train_loss for epoch in given.result.epochs]
    alone = run_range_test(
        spec(data, model="mean-of-frames", noise_snr=None, time_mask=0.0, batch_size=16),
        on_cpu(data),
        registry=REGISTRY,
    )
    assert alone == test


def test_a_trial_over_its_budget_is_pruned_at_once(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "FEWEST_SECONDS", 0.0)
    wanted = spec(data, epochs=500, batch_size=4)
    outcome = run_as(wanted, on_cpu(data), options=RunOptions(trial_budget=1e-3))
    assert outcome.result.status == "pruned" and not outcome.result.epochs and outcome.validation is None
    assert "more than the 0 s a trial may take here (--trial-budget)" in outcome.result.reason
    assert run_as(spec(data), on_cpu(data), options=RunOptions(trial_budget=1e6)).result.status == "complete"


def test_a_trial_on_a_cpu_has_a_budget_unless_it_is_zero_and_a_final_has_none(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FEWEST_SECONDS", 0.0)
    monkeypatch.setattr("bench.trial.run_trial.CPU_BUDGET", 1e-3)
    assert run_as(spec(data), on_cpu(data)).result.status == "pruned"
    assert run_as(spec(data), on_cpu(data), options=RunOptions(trial_budget=0)).result.status == "complete"
    assert (
        run_as(spec(data), on_cpu(data), options=RunOptions(trial_budget=1e-3), test=True).result.status == "complete"
    )


@pytest.mark.parametrize(
    "wanted", [{}, {"segment_seconds": 0.1}, {"segment_seconds": 0.1, "steps": 3}, {"lengths": "own", "patience": 1}]
)
def test_an_epoch_can_be_timed_whatever_it_shows(data: PreparedData, wanted: dict[str, Any]) -> None:
    timed: list[DataOnDevice] = [on_cpu(data.without_test())]
    assert time_training(spec(data, model="mean-of-frames", **wanted), timed[0], registry=REGISTRY).epoch > 0


def test_copies_are_trained_on_in_the_place_of_their_clips(data: PreparedData) -> None:
    wanted = spec(data, model="mean-of-frames", offline_copies=2, batch_size=16).training
    refused = run_as(spec(data, offline_copies=2), on_cpu(data)).result
    assert refused.status == "failed", "a worker makes none"
    prepare_augmented_copies(data, wanted, sample_rate=8000)
    held = on_cpu(data)
    copies, clips = held.training(wanted, 8000), held.split("train", 8000)
    assert len(copies.targets) == 2 * len(clips.targets) == 2 * len(set(clips.ids))
    assert held.training(wanted, 8000) is copies and held.split("train", 8000) is clips
    assert held.training(TrainingSettings(), 8000) is clips
    outcome = run(data, offline_copies=2, batch_size=16)
    assert outcome.validation is not None and len(outcome.validation.ids) == data.clips("validation")
    assert outcome.result.epochs[0].train_loss != run(data, batch_size=16).result.epochs[0].train_loss

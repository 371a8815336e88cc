"""How many steps an epoch has and what their batches are; the range test; the budget."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from test_training_segments import clips_of
from torch import nn

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmenter
from bench.training.budget import Budget, OverBudget
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.loader import Loader, build_loader
from bench.training.loop import train
from bench.training.optimisers import build_optimiser, build_schedule
from bench.training.range_test import NoSuggestion, range_curve, steepest_descent
from bench_plugins.features.waveform import Waveform


@pytest.fixture
def clips() -> DeviceClips:
    return clips_of([800, 400, 800, 600, 800, 800, 800], [0, 1, 0, 1, 0, 0, 0])


def loader(clips: DeviceClips, **wanted: Any) -> Loader:
    settings = TrainingSettings(**({"batch_size": 3, "time_shift": 0} | wanted))
    generator = torch.Generator().manual_seed(0)
    augmentation = Augmenter(settings, sample_rate=8000, noise=None, generator=generator)
    return build_loader(clips, front_end(), settings, augmentation=augmentation, generator=generator)


def front_end() -> FrontEnd:
    return FrontEnd(Waveform(sample_rate=8000, normalise="none"), torch.device("cpu"))


def test_an_epoch_is_a_pass_or_so_many_steps_of_passes_without_end(clips: DeviceClips) -> None:
    assert loader(clips).steps == 2, "three, three, and one clip that is left out"
    endless = loader(clips, steps=5, batch_size=7)
    assert endless.steps == 5
    passes = [batch.inputs[0] for batch in islice(endless.batches, 5)]
    everything = torch.sort(clips.waveforms(slice(None)).sum(1)).values
    for features in passes:
        torch.testing.assert_close(torch.sort(features.sum(1)).values, everything)
    assert not torch.equal(passes[0], passes[1])


def test_segments_are_as_many_as_the_audio_holds_or_as_the_steps_ask_for(clips: DeviceClips) -> None:
    assert loader(clips, segment_seconds=0.05, batch_size=1).steps == 2 + 2 + 5 * 2 - 1
    asked = loader(clips, segment_seconds=0.05, steps=4, batch_size=5)
    batches = list(islice(asked.batches, 8))
    assert asked.steps == 4 and [len(batch.targets) for batch in batches] == [5] * 8
    assert all(batch.inputs[0].shape == (5, 400) for batch in batches)
    assert all(not torch.equal(batches[0].inputs[0], other.inputs[0]) for other in batches[1:])


def test_the_loss_is_weighted_by_how_often_a_class_is_drawn(clips: DeviceClips) -> None:
    assert loader(clips).class_weights is None
    weights = loader(clips, segment_seconds=0.05, balance="loss").class_weights
    assert weights is not None and weights[1] / weights[0] == pytest.approx(4000 / 1000)


class Network(nn.Linear):
    """A linear layer that also draws, as dropout does."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return super().forward(batch) * (1 + torch.rand(()) if self.training else 1)


def trained(clips: DeviceClips, settings: TrainingSettings, *, tested: bool) -> list[float]:
    """Losses of a training, after a range test or without."""
    torch.manual_seed(5)
    network = Network(800, 2)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    first, second = (Augmenter(settings, sample_rate=8000, noise=None, generator=generator) for generator in generators)
    if tested:
        range_curve(
            network, front_end(), settings, training=clips, classes=2, augmentation=first, generator=generators[0]
        )
    epochs = train(
        network,
        front_end(),
        settings,
        training=clips,
        validation=clips,
        classes=2,
        augmentation=second,
        generator=generators[1],
    )
    return [epoch.train_loss for epoch in epochs]


def test_a_range_test_leaves_the_training_after_it_as_it_was(clips: DeviceClips) -> None:
    settings = TrainingSettings(epochs=2, batch_size=2, noise_snr=10.0)
    assert trained(clips, settings, tested=True) == trained(clips, settings, tested=False)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_range_test_finds_where_the_loss_falls_and_ends_where_it_diverges(clips: DeviceClips, optimiser: Any) -> None:
    settings = TrainingSettings(batch_size=4, time_shift=0, optimiser=optimiser, label_smoothing=0)

    def run() -> Any:
        torch.manual_seed(5)
        generator = torch.Generator().manual_seed(3)
        augmentation = Augmenter(settings, sample_rate=8000, noise=None, generator=generator)
        network = nn.Sequential(nn.Linear(800, 30), nn.ReLU(), nn.Linear(30, 2))
        return range_curve(
            network, front_end(), settings, training=clips, classes=2, augmentation=augmentation, generator=generator
        )

    curve = run()
    assert curve == run(), "the same seed, the same test"
    assert len(curve.rates) == len(curve.losses) <= 100
    assert curve.rates[0] == pytest.approx(1e-6) and np.all(np.diff(np.log(curve.rates)) > 0)
    assert max(curve.losses[1:]) <= 4 * min(curve.losses)
    assert 1e-5 < curve.suggestion < 1 and curve.suggestion in curve.rates


def test_the_suggestion_is_the_steepest_descent_over_the_logarithm() -> None:
    rates = np.geomspace(1e-6, 1, 100).tolist()
    losses = [2 - 1 / (1 + np.exp(-3 * np.log10(rate / 1e-3))) for rate in rates]
    assert steepest_descent(rates, losses) == pytest.approx(1e-3, rel=0.1)
    jittery = [loss + 0.05 * (number % 2) * (number < 30) for number, loss in enumerate(losses)]
    assert steepest_descent(rates, jittery) == pytest.approx(1e-3, rel=0.1)
    with pytest.raises(NoSuggestion, match="diverged"):
        steepest_descent(rates, losses[:5])


def test_a_budget_is_checked_after_some_steps_and_some_seconds_and_not_late() -> None:
    now = [0.0]
    budget = Budget(60.0, steps=100, spent=0.5, clock=lambda: now[0])
    now[0] = 2.0
    budget.check(2)
    now[0] = 4.9
    budget.check(3)
    now[0] = 5.0
    with pytest.raises(OverBudget, match=r"it would take 2 min, more than the 60 s a trial may take here"):
        budget.check(4)
    now[0] = 25 * 0.59
    budget.check(25)
    now[0] = 999.0
    budget.check(26)  # past its first quarter


@pytest.mark.parametrize(("epochs", "dropped"), [(3, 2), (6, 4)])
def test_step_drops_to_a_tenth_after_two_thirds_of_the_epochs(epochs: int, dropped: int) -> None:
    settings = TrainingSettings(schedule="step", optimiser="adam", learning_rate=0.005, epochs=epochs)
    optimiser = build_optimiser(nn.Linear(2, 2), settings)
    schedule = build_schedule(optimiser, settings, epochs * 7)
    rates = []
    for _ in range(epochs * 7):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([0.005] * dropped * 7 + [0.0005] * (epochs - dropped) * 7)

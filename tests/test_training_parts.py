"""Parts of the training loop that are off by default: warm-up, clipped gradients, averaged weights, focal loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.plugins import TrainingSettings
from bench.plugins.training_settings import ADDED_LATER
from bench.training.loader import Batch, Loader
from bench.training.loop import step
from bench.training.loss import classification_loss, one_hot
from bench.training.optimisers import build_optimiser, build_schedule
from bench.training.weight_average import WeightAverage


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 4)


def one_step(trained: nn.Module, settings: TrainingSettings, targets: torch.Tensor, scale: float = 1.0) -> None:
    optimiser = build_optimiser(trained, settings)
    features = scale * torch.randn(len(targets), 3, generator=torch.Generator().manual_seed(1))
    batch = Batch((features,), targets)
    schedule = build_schedule(optimiser, settings, 1)
    step(trained, batch, Loader(iter(()), 1, None), optimiser, schedule, classes=4, settings=settings)


def test_what_was_added_later_changes_no_record_that_does_not_use_it() -> None:
    assert not set(ADDED_LATER) & TrainingSettings().model_dump(mode="json").keys()
    changed: dict[str, Any] = {"warmup": 0.2, "weight_average": 0.9, "focal_gamma": 2.0, "gradient_norm": 1.0}
    settings = TrainingSettings(**changed)
    assert changed.items() <= settings.model_dump(mode="json").items()
    assert TrainingSettings.model_validate_json(settings.model_dump_json()) == settings


def test_warmup_rises_straight_and_falls_along_a_cosine() -> None:
    settings = TrainingSettings(schedule="warmup-cosine", warmup=0.4, learning_rate=1.0)
    optimiser = build_optimiser(network(), settings)
    schedule = build_schedule(optimiser, settings, 10)
    rates = []
    for _ in range(11):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    assert rates[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates[7] == pytest.approx(0.5) and rates[10] == pytest.approx(0.0)


def test_gradients_are_scaled_down_to_their_norm() -> None:
    targets = torch.tensor([0, 1, 2, 3])
    settings = TrainingSettings(optimiser="sgd", weight_decay=0.0, schedule="constant", learning_rate=0.1)

    def moved(norm: float | None) -> float:
        trained = network()
        before = nn.utils.parameters_to_vector(trained.parameters()).clone()
        one_step(trained, settings.model_copy(update={"gradient_norm": norm}), targets, scale=50.0)
        return float((nn.utils.parameters_to_vector(trained.parameters()) - before).norm().detach())

    # The first step of Nesterov momentum 0.9 is 1.9 gradients long, and sgd takes ten times the rate.
    assert moved(0.5) == pytest.approx(1.9 * 0.5, rel=1e-4)
    assert moved(None) > 2 * moved(0.5)
    assert moved(1e9) == moved(None)


def test_the_average_follows_the_weights_and_gives_them_back() -> None:
    trained = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))
    average = WeightAverage(trained, 0.75)
    weight = trained[0].weight
    for value in (1.0, 2.0, 3.0):
        with torch.no_grad():
            weight.fill_(value)
            trained[1].running_mean.fill_(10 * value)
        average.update()
    with average.in_place():  # 1, then 0.75 * 1 + 0.25 * 2 = 1.25, then 0.75 * 1.25 + 0.25 * 3
        assert torch.allclose(weight, torch.full((2, 2), 1.6875))
        assert torch.allclose(trained[1].running_mean, torch.full((2,), 16.875))
    assert torch.equal(weight, torch.full((2, 2), 3.0))


def test_the_focal_loss_is_cross_entropy_times_what_was_missed() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 3, 3, 1])
    settings = TrainingSettings(focal_gamma=2.0, label_smoothing=0.0)
    entropy = functional.cross_entropy(logits, targets, reduction="none")
    by_hand = ((1 - torch.exp(-entropy)) ** 2 * entropy).mean()
    assert torch.allclose(classification_loss(logits, targets, settings, class_weights=None), by_hand)
    smooth = TrainingSettings(focal_gamma=1e-6, label_smoothing=0.1)
    plain = TrainingSettings(label_smoothing=0.1)
    for given in (targets, one_hot(targets, 4)):
        nearly, exactly = (classification_loss(logits, given, s, class_weights=None) for s in (smooth, plain))
        assert torch.allclose(nearly, exactly, atol=1e-4)


def test_a_certain_answer_has_a_focal_loss_with_a_gradient() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    settings = TrainingSettings(focal_gamma=0.5, label_smoothing=0.0)
    loss = classification_loss(logits, torch.tensor([0]), settings, class_weights=None)
    torch.autograd.backward(loss)
    assert logits.grad is not None and bool(logits.grad.isfinite().all()) and float(loss.detach()) < 1e-6

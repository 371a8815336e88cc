"""Networks of other people's papers: the published number of parameters, shapes that are taken and refused, and learning."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bench.plugins import Infeasible, Model
from bench_plugins.models import (
    M5,
    M11,
    M18,
    AcdNet,
    BcResNet,
    Cnn6,
    Cnn10,
    Cnn14,
    Kwt,
    LinearProbe,
    MatchboxNet,
    Mlp,
    MobileNetV3,
    TeNet,
)
from bench_plugins.networks.tenet import BranchedConv1d

SMALL: dict[Model, tuple[int, ...]] = {
    BcResNet(dropout=0.0): (40, 48),
    MatchboxNet(): (40, 48),
    TeNet(dropout=0.0): (40, 48),
    TeNet(layers=2, branches=True, dropout=0.0): (40, 48),
    Cnn6(width=4, dropout=0.0): (40, 48),
    Cnn10(width=4, dropout=0.0): (40, 48),
    Cnn14(width=1, dropout=0.0): (64, 64),
    Kwt(): (40, 48),
    MobileNetV3(width=0.25, dropout=0.0): (40, 48),
    LinearProbe(dropout=0.0): (40, 48),
    Mlp(dropout=0.0): (40, 48),
    M5(width=0.1): (4000,),
    M11(width=0.1): (8000,),
    M18(width=0.1): (8000,),
    AcdNet(width=1, pool=10, dropout=0.0): (4000,),
}
"""Every network, small and without dropout, with a small shape."""


def parameters(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


@pytest.mark.parametrize(
    ("model", "shape", "classes", "published"),
    [
        (BcResNet(tau=1.0), (40, 101), 12, 9_232),
        (BcResNet(tau=1.5), (40, 101), 12, 17_154),
        (BcResNet(tau=2.0), (40, 101), 12, 27_284),
        (BcResNet(tau=3.0), (40, 101), 12, 54_168),
        (BcResNet(tau=6.0), (40, 101), 12, 187_812),
        (BcResNet(tau=8.0), (40, 101), 12, 321_068),
        (BcResNet(tau=1.0), (40, 101), 10, 9_166),
        (MatchboxNet(repeats=1), (64, 128), 30, 77_214),
        (MatchboxNet(repeats=1), (64, 128), 12, 74_892),
        (MatchboxNet(repeats=2), (64, 128), 30, 92_766),
        (MatchboxNet(repeats=2), (64, 128), 12, 90_444),
        (Kwt(size=1), (40, 98), 12, 609_740),
        (Kwt(size=2), (40, 98), 12, 2_399_116),
        (Kwt(size=3), (40, 98), 12, 5_368_140),
        (M5(), (8000,), 10, 559_114),
        (M11(), (8000,), 10, 1_786_442),
        (M18(), (8000,), 10, 3_683_786),
        (AcdNet(), (30_225,), 50, 4_735_378),
        (Cnn6(), (64, 101), 527, 4_837_455),
        (Cnn10(), (64, 101), 527, 5_219_279),
        (Cnn14(), (64, 101), 527, 80_753_615),
        (Cnn14(), (64, 101), 10, 79_694_282),
    ],
    ids=str,
)
def test_networks_have_their_published_parameters(
    model: Model, shape: tuple[int, ...], classes: int, published: int
) -> None:
    with torch.device("meta"):
        network = model.build(shape, classes)
        assert parameters(network) == published
        assert network(torch.empty(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize(
    ("model", "shape", "classes", "published"),
    [
        (TeNet(layers=4), (40, 98), 12, 97_000),
        (TeNet(layers=2), (40, 98), 12, 52_000),
        (MobileNetV3(width=0.4), (128, 101), 527, 980_000),
        (MobileNetV3(width=0.5), (128, 101), 527, 1_430_000),
        (MobileNetV3(width=1.0), (128, 101), 527, 4_880_000),
    ],
    ids=str,
)
def test_networks_have_about_their_published_parameters(
    model: Model, shape: tuple[int, ...], classes: int, published: int
) -> None:
    with torch.device("meta"):
        assert parameters(model.build(shape, classes)) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("model", SMALL, ids=repr)
def test_they_learn_a_small_batch_by_heart(model: Model) -> None:
    torch.manual_seed(0)
    network = model.build(SMALL[model], 4).train()
    inputs, targets = torch.randn(12, *SMALL[model]), torch.arange(12) % 4
    # Clips of four levels, since the mean over the frames of noise is the same for all.
    inputs = inputs * torch.linspace(0.1, 3.0, 4)[targets].view(12, *[1] * len(SMALL[model]))
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs), targets)
        loss.backward()
        optimiser.step()
    assert loss.item() < 1.0  # of a guess: 1.39


def test_the_sum_of_branches_is_one_convolution() -> None:
    torch.manual_seed(0)
    layer, inputs = BranchedConv1d(96, stride=2), torch.randn(2, 96, 31)
    torch.testing.assert_close(layer(inputs), sum(branch(inputs) for branch in layer.branches), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "shape", "reason"),
    [
        *((model, (16000,), "not \\[16000\\]") for model, shape in SMALL.items() if len(shape) == 2),
        *((model, (64, 101), "not \\[64, 101\\]") for model, shape in SMALL.items() if len(shape) == 1),
        (BcResNet(), (64, 101), "as 40 and 80, not 64"),
        (Cnn6(), (13, 49), "at least 16 bands, not 13"),
        (Cnn14(), (40, 101), "at least 64 bands, not 40"),
        (MobileNetV3(), (40, 20), "at least 32 frames, not 20"),
        (M18(), (1000,), "at least 4096 samples, not 1000"),
        (AcdNet(), (4000,), "at least 6416 samples, not 4000"),
    ],
    ids=str,
)
def test_shapes_that_cannot_be_taken_are_refused(model: Model, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(Infeasible, match=reason):
        model.build(shape, 10)


@pytest.mark.parametrize("options", [{"tau": 9.0}, {"tau": 1.3}, {"tau": 0.5}])
def test_widths_that_give_no_whole_channels_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tau"):
        BcResNet(**options)

"""Networks for clips of any length: what pads a clip in a batch changes nothing of its logits."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bench.plugins import Model
from bench_plugins.models import (
    M5,
    M11,
    M18,
    MODELS,
    AcdNet,
    BcResNet,
    Cnn1d,
    Cnn6,
    Cnn10,
    Cnn14,
    CnnAdaptive,
    CnnLstm,
    ConvNet,
    LinearProbe,
    Lstm,
    MatchboxNet,
    Mlp,
    ResNet18,
    TcResNet,
    TeNet,
)
from bench_plugins.networks.lengths import AnyLength, through, to_front, windows, zero_past_end

SMALL: dict[Model, tuple[int, ...]] = {
    TcResNet(width=0.5): (9, 40),
    TcResNet(depth=14, kernel=5, width=0.5): (2, 5, 40),
    CnnAdaptive(width=4, layers=3): (9, 40),
    ResNet18(width=2): (9, 40),
    Lstm(): (9, 40),
    Lstm(layers=2, hidden=4): (2, 5, 40),
    Cnn1d(filters=3, layers=4): (400,),
    Cnn1d(filters=3, layers=3, kernel=5, stride=3): (400,),
    Cnn1d(filters=3, layers=3, kernel=3, stride=1, relu=False): (400,),
    CnnLstm(channels=4, hidden=8): (9, 40),
    ConvNet(channels=2, dense=8): (17, 40),
    BcResNet(): (40, 40),
    MatchboxNet(channels=8): (9, 40),
    TeNet(layers=2): (9, 40),
    TeNet(layers=2, branches=True): (9, 40),
    LinearProbe(): (2, 5, 40),
    Mlp(hidden=8): (9, 40),
    Cnn6(width=2): (16, 40),
    Cnn10(width=2): (17, 40),
    Cnn14(width=1): (64, 70),
    M5(width=0.02): (3000,),
    M11(width=0.02): (8000,),
    M18(width=0.02): (8000,),
    AcdNet(width=1, pool=5): (3000,),
}
"""Networks, with the shape of the longest clip."""


def test_every_network_for_any_length_is_here() -> None:
    assert {type(model) for model in SMALL} == {model for model in MODELS if model.any_length}


def trained(model: Model, shape: tuple[int, ...], *, classes: int = 3) -> nn.Module:
    """A network of which no weight, bias or running statistic is where it began: zeros would hide what is not masked."""
    torch.manual_seed(0)
    network = model.build(shape, classes).train()
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(torch.randn(weights.shape), alpha=0.1)
        network(1.0 + torch.randn(8, *shape))
    return network.eval()


def padded(shape: tuple[int, ...], lengths: list[int]) -> Tensor:
    """Clips of these lengths, at the end of their rows; zeros before them."""
    clips = 1.0 + torch.randn(len(lengths), *shape)
    for clip, length in zip(clips, lengths, strict=True):
        clip[..., : shape[-1] - length] = 0.0
    return clips


@pytest.mark.parametrize("model", SMALL, ids=repr)
@settings(max_examples=25, deadline=None)
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=5), seed=st.integers(0, 999))
def test_padding_on_the_left_changes_no_logits(model: Model, shares: list[float], seed: int) -> None:
    shape = SMALL[model]
    network = trained(model, shape)
    torch.manual_seed(seed)
    lengths = [max(1, round(share * shape[-1])) for share in shares]
    clips = padded(shape, lengths)
    with torch.no_grad():
        together = network(clips, torch.tensor(lengths))
        alone = torch.cat([network(clip[None, ..., -length:]) for clip, length in zip(clips, lengths, strict=True)])
    torch.testing.assert_close(together, alone, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("model", SMALL, ids=repr)
def test_full_lengths_are_the_same_as_none(model: Model) -> None:
    shape = SMALL[model]
    network, clips = trained(model, shape), torch.randn(4, *shape)
    torch.testing.assert_close(network(clips, torch.full((4,), shape[-1])), network(clips), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", SMALL, ids=repr)
def test_every_length_gives_logits_and_clips_longer_than_at_building_too(model: Model) -> None:
    shape = SMALL[model]
    network = trained(model, shape)
    for length in (1, 2, 15, 16, 17, shape[-1], 3 * shape[-1]):
        logits = network(torch.randn(2, *shape[:-1], length))
        assert logits.shape == (2, 3)
        assert logits.isfinite().all()


@pytest.mark.parametrize("model", SMALL, ids=repr)
def test_training_does_not_see_the_padding(model: Model) -> None:
    """Batch statistics too are of the clips' own frames: twice the padding gives the same gradients and running means."""
    shape, lengths = SMALL[model], torch.tensor([32, 20, 16])
    clips = padded((*shape[:-1], 32), lengths.tolist()).double()
    seen = []
    for frames in (32, 64):
        torch.manual_seed(0)
        network = model.build(shape, 3).train().double()
        for layer in network.modules():
            if isinstance(layer, nn.Dropout | nn.Dropout2d):
                layer.eval()
        network(nn.functional.pad(clips, (frames - 32, 0)), lengths).square().sum().backward()
        buffers = [values for name, values in network.named_buffers() if "running" in name]
        seen.append([*(weights.grad for weights in network.parameters()), *buffers])
    for few, many in zip(*seen, strict=True):
        torch.testing.assert_close(few, many)


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.BatchNorm1d(3), (4, 3, 9)), (nn.BatchNorm2d(3), (4, 3, 5, 9))], ids=str
)
def test_batch_normalisation_of_own_frames_is_torchs_where_all_are(layer: nn.Module, shape: tuple[int, ...]) -> None:
    layer, inputs = layer.double(), 3.0 + 2.0 * torch.randn(shape, dtype=torch.float64)
    nn.init.normal_(layer.weight), nn.init.normal_(layer.bias)
    ours, usual = deepcopy(layer), deepcopy(layer)
    for _ in range(2):
        outputs, _lengths = through(ours, inputs, torch.full((4,), 9))
        expected = usual(inputs)
    torch.testing.assert_close(outputs, expected, check_dtype=False, rtol=1e-5, atol=1e-5)
    for name, values in usual.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], values, rtol=1e-6, atol=1e-6)


def test_clips_are_moved_to_the_front() -> None:
    clips = torch.tensor([[[0, 0, 1, 2]], [[0, 3, 4, 5]], [[6, 7, 8, 9]]])
    moved = to_front(clips, torch.tensor([2, 3, 4]))
    assert moved.tolist() == [[[1, 2, 0, 0]], [[3, 4, 5, 0]], [[6, 7, 8, 9]]]


def test_what_is_past_the_end_becomes_zero_even_where_it_is_no_number() -> None:
    clips = torch.tensor([[[1.0, float("nan")]], [[2.0, 3.0]]])
    assert zero_past_end(clips, torch.tensor([1, 2])).tolist() == [[[1, 0]], [[2, 3]]]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(1, 1, 9, stride=2, padding=4),
        nn.Conv1d(1, 1, 4, stride=3, dilation=2),
        nn.Conv1d(1, 1, 5, padding="same"),
        nn.MaxPool1d(2),
        nn.MaxPool1d(3, stride=2, padding=1),
    ],
    ids=str,
)
def test_lengths_after_a_layer_are_those_of_its_outputs(layer: nn.Conv1d | nn.MaxPool1d) -> None:
    for length in (7, 8, 9, 10):
        assert int(windows(layer, torch.tensor(length))) == layer(torch.zeros(1, 1, length)).shape[-1]


def test_clips_of_one_length_cost_nothing_more() -> None:
    """The layers run as in any nn.Sequential: the same operations, to the bit."""
    layers = (nn.Conv1d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    clips = torch.randn(2, 3, 10)
    with torch.profiler.profile(acc_events=True) as usual:
        expected = nn.Sequential(*layers)(clips)
    with torch.profiler.profile(acc_events=True) as ours:
        logits = AnyLength(*layers)(clips)
    assert torch.equal(logits, expected)
    assert [event.name for event in ours.events()] == [event.name for event in usual.events()]

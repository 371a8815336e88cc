"""The networks of the reference system to the parameter, TC-ResNet as published, and which shapes each takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bench.plugins import Infeasible, Model
from bench_plugins.models import MODELS, Cnn, Crnn, ParallelCnnLstm, TcResNet


def parameters(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def outputs_of(network: nn.Module, kind: type[nn.Module], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Output shapes, without the batch, of the layers of one kind in the order of their calls."""
    seen: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, kind):
            layer.register_forward_hook(lambda _layer, _inputs, output: seen.append(tuple(output.shape[1:])))
    network(torch.zeros(2, *shape))
    return seen


@pytest.mark.parametrize(
    ("model", "expected"), [(Cnn(), 143_242), (Crnn(), 1_942_346), (ParallelCnnLstm(), 260_042)], ids=repr
)
def test_reference_networks_have_their_parameters(model: Model, expected: int) -> None:
    assert parameters(model.build((128, 44), 10)) == expected


def test_layers_of_the_baseline_cnn() -> None:
    pools = outputs_of(Cnn().build((128, 44), 10), nn.MaxPool2d, (128, 44))
    assert pools == [(16, 65, 23), (32, 33, 12), (64, 17, 7), (128, 9, 4)]


def test_layers_of_the_crnn() -> None:
    network = Crnn().build((128, 44), 10)
    assert outputs_of(network, nn.MaxPool1d, (128, 44)) == [(128, 22), (128, 11), (256, 5)]
    assert outputs_of(network, nn.Flatten, (128, 44)) == [(24576,)]


def test_layers_of_the_parallel_cnn_lstm() -> None:
    network = ParallelCnnLstm().build((128, 44), 10)
    pools = outputs_of(network, nn.MaxPool2d, (128, 44))
    assert pools == [(16, 63, 22), (32, 30, 11), (64, 14, 5), (64, 3, 1), (1, 32, 22)]
    assert [size for size in outputs_of(network, nn.Flatten, (128, 44)) if len(size) == 1] == [(192,), (8192,)]


@pytest.mark.parametrize(
    ("options", "published"), [({"depth": 8}, 66_000), ({"depth": 14}, 137_000), ({"depth": 14, "width": 1.5}, 305_000)]
)
def test_tc_resnet_is_of_the_published_size(options: dict[str, Any], published: int) -> None:
    """Of Choi et al., table 1, with 40 coefficients and 12 classes; its counts hold the running statistics too."""
    network = TcResNet(**options).build((40, 98), 12)
    running = sum(values.numel() for name, values in network.named_buffers() if "running" in name)
    assert parameters(network) + running == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("frames", [1, 2, 7, 44, 101, 300])
def test_tc_resnet_takes_clips_of_any_length_with_the_same_weights(frames: int) -> None:
    network = TcResNet().build((40, 101), 5).eval()
    assert network(torch.randn(2, 40, frames)).shape == (2, 5)


@pytest.mark.parametrize("model", [model() for model in MODELS], ids=repr)
@pytest.mark.parametrize("shape", [(40, 101), (64, 63), (128, 44), (257, 101), (2, 257, 101)], ids=str)
def test_every_network_takes_the_shapes_of_the_shipped_features(model: Model, shape: tuple[int, ...]) -> None:
    with torch.no_grad():
        logits = model.build(shape, 3)(torch.randn(2, *shape))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("model", "shape", "reason"),
    [
        *((model(), (16000,), "not \\[16000\\]") for model in MODELS),
        (Crnn(), (64, 7), "at least 8 frames, not 7"),
        (ParallelCnnLstm(), (13, 49), "13 are too few"),
        (ParallelCnnLstm(), (64, 1), "at least 2 frames, not 1"),
    ],
    ids=str,
)
def test_shapes_that_cannot_be_taken_are_refused(model: Model, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(Infeasible, match=reason):
        model.build(shape, 10)


def test_activations_of_the_plain_cnn_keep_their_size() -> None:
    """Nothing normalises them: from torch's own starting weights they reach the linear layer fifty times smaller."""
    torch.manual_seed(0)
    network = Cnn().build((128, 44), 10)
    with torch.no_grad():
        last = network[:-1](torch.randn(16, 128, 44))  # type: ignore[index]
    assert 0.5 < float(last.square().mean().sqrt()) < 5.0


@pytest.mark.parametrize("model", [Cnn(), Crnn(), ParallelCnnLstm(), TcResNet(dropout=0.0)], ids=repr)
def test_networks_learn_a_small_batch_by_heart(model: Model) -> None:
    torch.manual_seed(0)
    network = model.build((40, 48), 4).train()
    inputs, targets = torch.randn(16, 40, 48), torch.arange(16) % 4
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs), targets)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5  # chance is 1.39

"""The networks of the reference systems to the parameter, TC-ResNet as published, and which shapes each takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_models_published import SMALL as PUBLISHED
from torch import nn

from bench.plugins import Infeasible, Model
from bench_plugins.models import (
    MODELS,
    Cnn,
    Cnn1d,
    CnnAdaptive,
    CnnLstm,
    CnnUnpooled,
    ConvNet,
    Crnn,
    Lstm,
    ParallelCnnLstm,
    ResNet18,
    TcResNet,
)
from bench_plugins.networks.cnn1d import SameConv1d
from bench_plugins.networks.lengths import LastStates
from bench_plugins.networks.residual import Residual

IMAGES: tuple[Model, ...] = (
    Cnn(channels=8),
    Crnn(channels=32, hidden=32),
    ParallelCnnLstm(channels=8, hidden=32),
    TcResNet(dropout=0.0),
    CnnUnpooled(channels=4, dense=16),
    CnnAdaptive(width=16),
    ResNet18(width=8),
    Lstm(),
    CnnLstm(channels=16, hidden=64),
    ConvNet(channels=8, dense=64, channel_dropout=0.0, dropout=0.0),
)
"""Every network that reads spectrograms, small; dropout off."""


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


def running(network: nn.Module) -> int:
    return sum(values.numel() for name, values in network.named_buffers() if "running" in name)


@pytest.mark.parametrize(
    ("model", "shape", "classes", "expected"),
    [
        (Cnn(), (128, 44), 10, 143_242),
        (Crnn(), (128, 44), 10, 1_942_346),
        (ParallelCnnLstm(), (128, 44), 10, 260_042),
        (CnnUnpooled(), (13, 49), 14, 6_674_670),
        (CnnAdaptive(), (128, 44), 14, 150_894),
        (CnnAdaptive(), (13, 49), 14, 150_894),
        (ResNet18(), (128, 44), 14, 11_177_422),
        (ResNet18(), (13, 49), 14, 11_177_422),
        (Lstm(), (13, 49), 14, 21_774),
        (Lstm(hidden=128, layers=8), (13, 49), 14, 1_138_254),
        (Cnn1d(), (16000,), 2, 3_951),
        (CnnLstm(), (128, 94), 7, 656_839),
        (ConvNet(), (2, 257, 101), 30, 1_849_342),
        (ConvNet(), (257, 101), 30, 1_849_054),
    ],
    ids=str,
)
def test_reference_networks_have_their_parameters(
    model: Model, shape: tuple[int, ...], classes: int, expected: int
) -> None:
    with torch.device("meta"):
        assert parameters(model.build(shape, classes)) == expected


def test_running_statistics_of_the_cnn1d() -> None:
    network = Cnn1d().build((16000,), 2)
    assert parameters(network) + running(network) == 4_151


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


def test_layers_of_the_unpooled_cnn() -> None:
    network = CnnUnpooled().build((13, 49), 14)
    assert outputs_of(network, nn.Conv2d, (13, 49)) == [(16, 11, 47), (32, 9, 45)]
    assert outputs_of(network, nn.Flatten, (13, 49)) == [(12960,)]
    assert outputs_of(network, nn.Linear, (13, 49)) == [(512,), (64,), (14,)]


def test_layers_of_the_adaptive_cnn() -> None:
    network = CnnAdaptive().build((128, 44), 14)
    assert outputs_of(network, nn.Conv2d, (128, 44)) == [(64, 128, 44)] * 5
    assert outputs_of(network, nn.Linear, (128, 44)) == [(32,), (14,)]


def test_layers_of_the_resnet() -> None:
    network = ResNet18().build((128, 44), 14)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) - 3 == 18  # the shortcuts' projections do not count
    assert outputs_of(network, nn.MaxPool2d, (128, 44)) == [(64, 32, 11)]
    blocks = outputs_of(network, Residual, (128, 44))
    assert blocks == [size for stage in ((64, 32, 11), (128, 16, 6), (256, 8, 3), (512, 4, 2)) for size in [stage] * 2]


def test_layers_of_the_lstm() -> None:
    network = Lstm().build((13, 49), 14)
    assert outputs_of(network, LastStates, (13, 49)) == [(48,)]
    assert outputs_of(network, nn.Linear, (13, 49)) == [(128,), (64,), (14,)]


def test_the_lstm_gives_the_last_state_of_every_layer() -> None:
    """As torch's own LSTM of three layers with the same weights."""
    layers, frames = LastStates(13, 16, layers=3), torch.randn(2, 13, 49)
    whole = nn.LSTM(13, 16, 3, batch_first=True)
    named = {
        f"{name[:-1]}{number}": weights
        for number, layer in enumerate(layers.layers)
        for name, weights in layer.named_parameters()
    }
    whole.load_state_dict(named)
    states = whole(frames.transpose(1, 2))[1][0]
    torch.testing.assert_close(layers(frames), torch.cat(states.unbind(), dim=1))


def test_layers_of_the_cnn1d() -> None:
    network = Cnn1d().build((16000,), 2)
    lengths = [8000, 4000, 2000, 1000, 500, 250, 125, 63, 32, 16]
    assert outputs_of(network, nn.Conv1d, (16000,)) == [(10, length) for length in lengths]
    assert outputs_of(network, nn.Flatten, (16000,)) == [(10,)]
    assert outputs_of(network, nn.Linear, (16000,)) == [(1,)]


def tensorflow_same(samples: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros on the left and on the right by tf.nn's "same" padding, as its documentation defines it."""
    total = max(kernel - (stride if samples % stride == 0 else samples % stride), 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 1), (5, 1), (3, 3), (5, 3), (3, 2)])
@pytest.mark.parametrize("samples", [1, 2, 5, 16, 63, 125, 126])
def test_same_padding_is_tensorflows(kernel: int, stride: int, samples: int) -> None:
    convolution, inputs = SameConv1d(1, 3, kernel, stride), torch.randn(2, 1, samples)
    outputs = convolution(inputs)
    assert outputs.shape == (2, 3, -(-samples // stride))
    if samples % stride == 0 or (kernel, stride) == (4, 2):
        padded = nn.functional.pad(inputs, tensorflow_same(samples, kernel, stride))
        expected = nn.functional.conv1d(padded, convolution.weight, convolution.bias, stride)
        torch.testing.assert_close(outputs, expected)


def test_two_logits_are_the_sigmoid_of_one_output() -> None:
    network, waveforms = Cnn1d().build((4000,), 2).eval(), torch.randn(5, 4000)
    output = network[:-1](waveforms)[:, 0]  # type: ignore[index]
    torch.testing.assert_close(network(waveforms).softmax(dim=1)[:, 1], output.sigmoid())


def test_layers_of_the_cnn_lstm() -> None:
    network = CnnLstm().build((128, 94), 7)
    assert outputs_of(network, nn.Conv2d, (128, 94)) == [(64, 128, 94), (64, 64, 47), (128, 16, 23), (128, 4, 11)]
    assert outputs_of(network, nn.MaxPool2d, (128, 94)) == [(64, 64, 47), (64, 16, 23), (128, 4, 11), (128, 1, 5)]
    assert outputs_of(network, LastStates, (128, 94)) == [(256,)]


@pytest.mark.parametrize("channels", [1, 2])
def test_layers_of_the_convnet(channels: int) -> None:
    shape = (channels, 257, 101)
    network = ConvNet().build(shape, 30)
    pools = [(32, 128, 50), (64, 64, 25), (128, 32, 12), (256, 16, 6)]
    assert outputs_of(network, nn.MaxPool2d, shape) == pools
    assert outputs_of(network, nn.Conv2d, shape)[-1] == (512, 16, 6)
    assert outputs_of(network, nn.Linear, shape) == [(512,), (30,)]


@pytest.mark.parametrize(
    ("options", "published"), [({"depth": 8}, 66_000), ({"depth": 14}, 137_000), ({"depth": 14, "width": 1.5}, 305_000)]
)
def test_tc_resnet_is_of_the_published_size(options: dict[str, Any], published: int) -> None:
    """Of Choi et al., table 1, with 40 coefficients and 12 classes; its counts hold the running statistics too."""
    network = TcResNet(**options).build((40, 98), 12)
    assert parameters(network) + running(network) == pytest.approx(published, rel=0.01)


def test_every_network_is_among_the_small_ones() -> None:
    assert {type(model) for model in (*IMAGES, *PUBLISHED)} | {Cnn1d} == set(MODELS)


@pytest.mark.parametrize("model", IMAGES, ids=repr)
@pytest.mark.parametrize("shape", [(40, 101), (64, 63), (128, 44), (257, 101), (2, 257, 101)], ids=str)
def test_every_network_takes_the_shapes_of_the_shipped_features(model: Model, shape: tuple[int, ...]) -> None:
    with torch.no_grad():
        logits = model.build(shape, 3)(torch.randn(2, *shape))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("model", "shape", "reason"),
    [
        *((model, (16000,), "not \\[16000\\]") for model in IMAGES),
        (Crnn(), (64, 7), "at least 8 frames, not 7"),
        (ParallelCnnLstm(), (13, 49), "13 are too few"),
        (ParallelCnnLstm(), (64, 1), "at least 2 frames, not 1"),
        (Cnn1d(), (64, 101), "takes a waveform \\[samples\\], not \\[64, 101\\]"),
        (CnnUnpooled(), (4, 49), "at least 5 bands, not 4"),
        (CnnUnpooled(), (13, 4), "at least 5 frames, not 4"),
        (CnnUnpooled(), (128, 44), "81 million weights in its first linear layer"),
        (CnnLstm(), (128, 15), "at least 16 frames, not 15"),
        (ConvNet(), (15, 101), "at least 16 bands, not 15"),
        (ConvNet(), (257, 15), "at least 16 frames, not 15"),
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


@pytest.mark.parametrize(
    ("model", "shape", "steps"),
    [
        *((model, (40, 48), 80) for model in IMAGES if not isinstance(model, CnnAdaptive)),
        (CnnAdaptive(width=16), (10, 12), 150),  # of more noise, its means tell less
        (Cnn1d(), (800,), 200),
    ],
    ids=str,
)
def test_networks_learn_a_small_batch_by_heart(model: Model, shape: tuple[int, ...], steps: int) -> None:
    torch.manual_seed(0)
    network = model.build(shape, 4).train()
    inputs, targets = torch.randn(16, *shape), torch.arange(16) % 4
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(inputs), targets)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5  # chance is 1.39

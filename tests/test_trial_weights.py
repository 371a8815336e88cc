"""Weights on disk: what is tied, transposed or no float comes back as it was, from a trial and into the network again."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from made_audio import prepared, tone, write
from test_trial import on_cpu, run, spec
from torch import Tensor, nn

from bench.plugins import Model
from bench.plugins.registry import installed
from bench.trial.weights import WEIGHTS, copied_weights, read_weights, weights_bytes, weights_file
from bench_plugins.datasets.folder import Folder


class _Tied(nn.Module):
    """One matrix there and back, as of an autoencoder, under two names; and buffers of other kinds."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.there, self.back = nn.Linear(bands, bands, bias=False), nn.Linear(bands, bands, bias=False)
        self.back.weight = self.there.weight
        self.last = nn.Linear(bands, classes)
        self.last.weight.data = torch.randn(bands, classes).T
        table = torch.arange(12.0).view(3, 4)
        self.register_buffer("table", table)
        self.register_buffer("turned", table.T)
        self.register_buffer("phases", torch.tensor([1 + 2j, 3 - 1j]))
        self.register_buffer("steps", torch.tensor(7))
        self.register_buffer("on", torch.tensor([True, False]))

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.last(self.back(self.there(features.mean(-1)).relu()))
        return logits


class Tied(Model):
    """A network that ties weights."""

    name: ClassVar[str] = "tied"
    any_length: ClassVar[bool] = True

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Tied(shape[0], classes)


def test_tied_and_turned_weights_of_a_trial_come_back(tmp_path: Path) -> None:
    for place in range(30):
        folder = tmp_path / "audio" / ("train", "validation", "test")[place % 3] / ("cat", "dog")[place // 3 % 2]
        write(folder / f"{place}.wav", tone(place // 3 % 2, seconds=0.3 + 0.001 * place))
    data = prepared(Folder(path=str(tmp_path / "audio")), tmp_path)
    registry = installed().extended(models=[Tied])
    wanted = spec(data, model="tied", noise_snr=None, learning_rate=0.01)
    outcome = run(wanted, on_cpu(data), registry=registry, test=True)
    assert outcome.result.status == "complete" and outcome.weights is not None, outcome.result
    (tmp_path / WEIGHTS).write_bytes(outcome.weights)
    read, fresh = read_weights(tmp_path / WEIGHTS), _Tied(40, 2)
    assert torch.equal(read["there.weight"], read["back.weight"])
    assert not torch.equal(read["there.weight"], fresh.there.weight)
    fresh.load_state_dict(read)
    assert fresh.there.weight is fresh.back.weight and torch.equal(fresh.there.weight, read["there.weight"])
    assert torch.equal(fresh.turned, torch.arange(12.0).view(3, 4).T) and fresh.steps == 7
    assert fresh.phases.tolist() == [1 + 2j, 3 - 1j] and fresh.on.tolist() == [True, False]


def test_a_copy_is_of_the_moment(tmp_path: Path) -> None:
    network = _Tied(4, 2)
    before = copied_weights(network)
    with torch.no_grad():
        network.there.weight.add_(1)
    assert torch.allclose(before["back.weight"], network.back.weight - 1, atol=1e-6)
    assert weights_bytes(before) == weights_bytes(before), "the same bytes every time"


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_both_formats_are_found(tmp_path: Path, name: str) -> None:
    assert weights_file(tmp_path) is None
    weights = copied_weights(_Tied(4, 2))
    if name == WEIGHTS:
        (tmp_path / name).write_bytes(weights_bytes(weights))
    else:
        torch.save(weights, tmp_path / name)
    found = weights_file(tmp_path)
    assert found == tmp_path / name
    read = read_weights(found)
    assert read.keys() == weights.keys() and all(torch.equal(read[key], weights[key]) for key in read)

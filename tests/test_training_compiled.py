"""Networks whose steps run as generated code, compiled for real; and what runs on a GPU alone, as far as a CPU shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from made_audio import cats_and_dogs, prepared
from test_trial import run as run_as
from torch import Tensor, nn

from bench.data.prepared import PreparedData
from bench.options import RunOptions
from bench.plugins import Infeasible, Model, PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.training.compiled import Compiler
from bench.training.device import fastest_layout
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialOutcome, TrialSpec
from bench_plugins.datasets.folder import Folder

MEL = PluginConfig(name="mel", options={"sample_rate": 8000, "n_mels": 8})


class Small(nn.Module):
    """Running statistics, dropout and a convolution: what compiling must not change. Compiles in seconds."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm1d(bands), nn.Dropout(0.3), nn.Tanh())
        self.out = nn.Linear(bands, classes)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.out(self.layers(features).mean(-1))
        return logits


class SmallModel(Model):
    """See Small."""

    name = "small"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Small(shape[0], classes)


REGISTRY = installed().extended(models=[SmallModel])


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the generated code, so that it is generated once."""
    return tmp_path_factory.mktemp("code")


@pytest.fixture
def data(tmp_path: Path, code: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataOnDevice]:
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(code))
    prepared_data: PreparedData = prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio"))), tmp_path)
    # Without vector instructions of the processor: trying them out takes ten seconds of every process.
    with config.patch({"cpp.vec_isa_ok": False, "cpp_cache_precompile_headers": False, "compile_threads": 1}):
        yield DataOnDevice(prepared_data, torch.device("cpu"))
    torch._dynamo.reset()


def run(data: DataOnDevice, compiler: Compiler | None, *, seed: int = 1, **training: Any) -> TrialOutcome:
    spec = TrialSpec(
        dataset=data.prepared.dataset,
        revision=data.prepared.revision,
        feature=MEL,
        model=PluginConfig(name="small"),
        training=TrainingSettings(**{"epochs": 2, "batch_size": 8} | training),
        seed=seed,
    )
    options = RunOptions(compile=compiler is not None)
    outcome = run_as(spec, data, registry=REGISTRY, options=options, compiler=compiler)
    assert outcome.result.status == "complete", outcome.result
    return outcome


def losses(outcome: TrialOutcome) -> list[float]:
    return [loss for epoch in outcome.result.epochs for loss in (epoch.train_loss, epoch.validation_loss)]


def compiled(outcome: TrialOutcome) -> bool:
    assert outcome.result.hardware is not None
    return outcome.result.hardware.compiled


def test_compiled_steps_differ_in_their_rounding_alone_and_the_next_seed_compiles_nothing(data: DataOnDevice) -> None:
    lines: list[str] = []
    compiler = Compiler(lines.append)
    torch._dynamo.utils.counters.clear()
    first = run(data, compiler)
    assert compiled(first) and not lines
    assert losses(first) == pytest.approx(losses(run(data, None)), rel=1e-3)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs == 1  # the last batch of a pass, validation and the clip that is timed are not compiled
    second = run(data, compiler, seed=2)
    assert compiled(second)
    assert losses(second) != losses(first)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs


def test_compiling_changes_neither_the_network_nor_later_draws(data: DataOnDevice) -> None:
    bands, frames = installed().feature(MEL).shape(4000)
    network = Small(bands, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(3)
    Compiler(print).compile(network, (8, bands, frames), configuration="small")
    drawn = torch.rand(5)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(5))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_without_a_compiler_a_trial_goes_on_uncompiled_and_says_so_once(
    data: DataOnDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "nothing-yet"))
    lines: list[str] = []
    compiler = Compiler(lines.append)
    with config.patch({"cpp.cxx": (None, "/nowhere/g++")}):
        outcome = run(data, compiler)
        run(data, compiler, seed=2)
    assert not compiled(outcome)
    assert losses(outcome) == losses(run(data, None))
    assert len(lines) == 1 and "--compile" in lines[0] and "/nowhere/g++" in lines[0] and "\n" not in lines[0]


def test_clips_of_their_own_lengths_are_not_compiled_for(data: DataOnDevice) -> None:
    lines: list[str] = []
    spec = TrialSpec(
        dataset=data.prepared.dataset,
        revision=data.prepared.revision,
        feature=MEL,
        model=PluginConfig(name="cnn-adaptive", options={"width": 16, "layers": 3}),
        training=TrainingSettings(epochs=1, batch_size=8, lengths="own"),
        seed=1,
    )
    outcome = run_as(spec, data, options=RunOptions(compile=True), compiler=Compiler(lines.append))
    assert outcome.result.status == "complete" and not compiled(outcome)
    assert len(lines) == 1 and "lengths=own" in lines[0]


def test_layouts_are_left_alone_on_a_cpu() -> None:
    features = torch.zeros(2, 3, 8, 10)
    assert fastest_layout(features) is features


@pytest.mark.parametrize("name", sorted(installed().models))
def test_every_network_takes_channels_last_which_a_gpu_gives_it(name: str) -> None:
    """On a CPU its convolutions pass the layout on, too: a view that wants another one fails here as it would there."""
    model = installed().models[name]()
    for shape in ((2, 64, 101), (64, 101), (13, 49), (40, 101), (16000,)):
        try:
            network = model.build(shape, 4).eval()
        except Infeasible:  # it takes another shape
            continue
        features = torch.randn(2, *shape)
        expected = network(features)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if features.dim() == 4:
            features = features.contiguous(memory_format=torch.channels_last)
        outputs = network(features)
        outputs.sum().backward()
        assert torch.allclose(outputs, expected, rtol=1e-3, atol=1e-4)
        return
    pytest.fail(f"{name} took none of the shapes")

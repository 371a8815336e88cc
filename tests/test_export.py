"""Networks as one file that others run: what it says is what the harness says, and what cannot be exported is named."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from api_classes import QUICK
from cli_runner import refusal, run
from made_audio import cats_and_dogs
from torch import Tensor, nn

import bench
from bench.errors import BenchError
from bench.export.agreement import compare_with_harness, noise_clips
from bench.export.onnx_file import front_end_nodes, onnx_bytes, onnx_runner, operators, to_onnx
from bench.export.torch_program import program_bytes, program_runner, to_program
from bench.plugins import Feature, Model, TrainingSettings
from bench.plugins.networks import build_network
from bench.results.load_network import LoadedNetwork
from bench.training.frontend import FrontEnd
from bench_plugins.features import Mel, Mfcc, Spectrogram, Waveform
from bench_plugins.models import Cnn, Cnn1d, Lstm

onnx = pytest.importorskip("onnx", reason="pip install 'bench-audio[export]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'bench-audio[export]'")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    root = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        options = {**QUICK, "trials": 1, "final_seeds": 2, "results": root / "results"}
        return bench.run(f"folder:{cats_and_dogs(root / 'audio', clips=20)}", **options)


def loaded(feature: Feature, model: Model, samples: int = 4000) -> LoadedNetwork:
    torch.manual_seed(0)
    network = build_network(model, feature.shape(samples), 3).eval()
    return LoadedNetwork(network, FrontEnd(feature, torch.device("cpu")), samples, model.name, model.any_length)


def harness(network: LoadedNetwork, waveforms: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        probabilities: np.ndarray = network.network(network.front_end(torch.from_numpy(waveforms))).softmax(1).numpy()
    return probabilities


def noise(clips: int, samples: int) -> np.ndarray:
    return (np.random.default_rng(clips).standard_normal((clips, samples)) / 10).astype(np.float32)


def test_an_onnx_file_by_onnxruntime_alone(study: bench.Study, tmp_path: Path) -> None:
    path = tmp_path / "animals.onnx"
    done = run("export", study.best.folder, "--out", path, "--quantize", "int8")
    assert done.returncode == 0, done.stderr
    test = study.best.test
    assert test is not None
    assert f"{test.clips} of {test.clips} test clips: the same class as the harness" in done.stdout
    assert f"accuracy {test.accuracy:.4f} before, " in done.stdout
    model = study.best.load_model()
    exported = model.export(tmp_path / "float.onnx")
    assert exported.agreement.largest < 1e-4 and exported.agreement.accuracy == test.accuracy and not exported.fixed
    session = onnxruntime.InferenceSession(tmp_path / "float.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == ["cat", "dog"] and about["sample_rate"] == "8000"
    figures = json.loads(about["figures"])
    assert figures["seeds"] == 2 and figures["test_accuracy"] == study.leaderboard().rows()[0].test["accuracy"].mean
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    for clips, samples in ((1, 4000), (7, 4000), (2, 9001)):
        waveforms = noise(clips, samples)
        given = session.run(None, {"waveform": waveforms})[0]
        assert np.abs(given - harness(model._loaded, waveforms)).max() < 1e-4
    quantised = onnx.load(path)
    assert "DequantizeLinear" in operators(quantised.graph)
    kinds = {node.op_type for node in quantised.graph.node}
    assert "QuantizeLinear" in kinds


def test_a_torch_program_of_a_copy_without_its_data(study: bench.Study, tmp_path: Path) -> None:
    """The clips are gone: it is compared on noise, and says so."""
    alone = shutil.copytree(study.best.folder, tmp_path / "alone")
    done = run("export", alone, "--out", tmp_path / "a.pt2")
    assert done.returncode == 0, done.stderr
    assert "16 of 16 clips of noise" in done.stdout and "the test clips are not at hand" in done.stderr
    extra = {"bench.json": ""}
    program = torch.export.load(tmp_path / "a.pt2", extra_files=extra)
    assert json.loads(json.loads(extra["bench.json"])["labels"]) == ["cat", "dog"]
    waveforms = noise(5, 6001)
    with torch.no_grad():
        given = program.module()(torch.from_numpy(waveforms))[0].numpy()
    assert np.abs(given - harness(study.best.load_model()._loaded, waveforms)).max() < 1e-6
    refusal(run("export", alone, "--quantize", "int8"), "--quantize int8 needs the data set's clips")


def test_the_model_card_is_yaml_and_has_the_row(study: bench.Study, tmp_path: Path) -> None:
    done = run("export", study.best.folder, "--model-card", "--out", tmp_path / "README.md")
    assert done.returncode == 0, done.stderr
    _, header, body = (tmp_path / "README.md").read_text().split("---\n", 2)
    content = yaml.safe_load(header)
    (result,) = content["model-index"][0]["results"]
    row = study.leaderboard().rows()[0]
    assert result["task"]["type"] == "audio-classification" and "license" not in content
    assert {of["type"]: of["value"] for of in result["metrics"]}["accuracy"] == pytest.approx(row.test["accuracy"].mean)
    assert f"the mean of 2 seeds of row {row.id}" in body and "tc-resnet" in content["tags"]


PAIRS: tuple[tuple[Feature, Model], ...] = (
    (Spectrogram(sample_rate=8000, power=None), Cnn(channels=8)),
    (Mfcc(sample_rate=8000), Lstm(hidden=8)),
    (Waveform(sample_rate=8000), Cnn1d(filters=4, layers=3)),
)
"""Every feature, complex and real; networks of one length, of any, and of samples. perf/exports.py has every pair."""


@pytest.mark.parametrize(("feature", "model"), PAIRS, ids=lambda plugin: plugin.name)
def test_pairs(feature: Feature, model: Model) -> None:
    network = loaded(feature, model)
    exported, program = to_onnx(network), to_program(network)
    assert bool(exported.fixed) == bool(program.fixed) == (model.name != "lstm")
    runs = onnx_runner(onnx_bytes(exported.made, {})), program_runner(program_bytes(program.made, {}))
    for clips, samples in ((1, 4000), (5, 4000), *(() if exported.fixed else ((2, 5555),))):
        waveforms = noise(clips, samples)
        expected = harness(network, waveforms)
        assert all(np.abs(run(waveforms) - expected).max() < 1e-5 for run in runs)
    assert ("LSTM" in operators(exported.made.graph)) == (model.name == "lstm")
    assert "LSTM" not in operators(exported.made.graph, front_end_nodes(exported.made.graph))


def test_what_differs_is_refused() -> None:
    network = loaded(Mel(sample_rate=8000), Lstm(hidden=8))
    clips, settings = noise_clips(4000), TrainingSettings()
    same = compare_with_harness(lambda w: harness(network, w), network, clips, settings, classes=3, of="clips")
    assert same.same_class == same.clips == 16 and same.largest < 1e-6
    same.require()
    for off in (lambda p: p[:, ::-1].copy(), lambda p: p + np.float32(3e-4), lambda p: p * np.nan):
        other = compare_with_harness(
            lambda w, off=off: off(harness(network, w)), network, clips, settings, classes=3, of="clips"
        )
        with pytest.raises(BenchError, match="the export is not what the harness runs"):
            other.require()


class Stubborn(nn.Module):
    """What no tracer follows: a branch on values."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(inputs)
        return outputs if float(inputs.sum()) > 0 else outputs * 2


class Branching(Mel):
    name = "branching-mel"

    def build(self) -> nn.Module:
        return Stubborn(super().build())


class BranchingCnn(Cnn):
    name = "branching-cnn"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Stubborn(super().build(shape, classes))


@pytest.mark.parametrize(
    ("feature", "model", "part"),
    [
        (Branching(sample_rate=8000), Cnn(channels=8), 'front end "branching-mel" cannot be exported: '),
        (Mel(sample_rate=8000), BranchingCnn(channels=8), 'network "branching-cnn" cannot be exported: '),
    ],
    ids=["front end", "network"],
)
def test_the_part_that_cannot_be_exported_is_named(feature: Feature, model: Model, part: str) -> None:
    with pytest.raises(BenchError) as refused:
        to_program(loaded(feature, model))
    assert str(refused.value).startswith(part) and "\n" not in str(refused.value)
    assert len(str(refused.value)) > len(part) + 20, "the reason"


def test_what_is_refused(study: bench.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study.best.folder
    given: tuple[tuple[tuple[Any, ...], str], ...] = (
        (("--out", tmp_path / "a.bin"), "neither in .onnx nor in .pt2"),
        (("--format", "tflite"), "--format"),
        (("--quantize", "int4"), "--quantize"),
        (("--model-card", "--quantize", "int8"), "--model-card writes no network"),
        (("--format", "torch", "--quantize", "int8"), "--quantize int8 is of ONNX files"),
        (("--format", "onnx", "--out", tmp_path), "is a folder"),
    )
    for words, said in given:
        refusal(run("export", folder, *words), said, code=2)
    with pytest.raises(BenchError, match=r"format .bin: onnx or torch"):
        study.best.load_model().export(tmp_path / "a.bin")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refusal(
        run("export", folder, "--out", tmp_path / "a.onnx"),
        "onnxruntime is not installed: pip install 'bench-audio[export]'",
    )
    assert not list(tmp_path.glob("*.onnx"))

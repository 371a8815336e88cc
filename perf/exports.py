"""Exports every pair of a feature and a model that a study can choose, and times how Fourier transforms are written."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.export.agreement import Runner, compare_with_harness, noise_clips
from bench.export.onnx_file import onnx_bytes, onnx_runner, to_onnx
from bench.export.torch_program import program_bytes, program_runner, to_program
from bench.plugins import Feature, Infeasible, Model, TrainingSettings
from bench.plugins.networks import build_network
from bench.plugins.registry import load
from bench.results.load_network import LoadedNetwork
from bench.training.frontend import FrontEnd
from perf.tables import Column, Row, Sizes, Table

RATE = 8000
CLASSES = 10
TRANSFORMS = ((8000, 32.0), (16000, 25.0), (22050, 25.0), (16000, 64.0), (22050, 64.0))
"""Sample rate in Hz and window in ms of the transforms that are timed."""


def loaded(feature: Feature, model: Model, samples: int) -> LoadedNetwork:
    """An untrained network with its front end. Raises Infeasible if the two do not fit."""
    torch.manual_seed(0)
    network = build_network(model, feature.shape(samples), CLASSES).eval()
    return LoadedNetwork(network, FrontEnd(feature, torch.device("cpu")), samples, model.name, model.any_length)


def pairs() -> Iterator[tuple[Feature, Model]]:
    """Every pair of a shipped feature and a shipped model, with their defaults."""
    registry = load(only=["bench_plugins"])
    for feature in registry.features.values():
        for model in registry.models.values():
            yield feature(sample_rate=RATE), model()


def agreement(network: LoadedNetwork, run: Runner) -> str:
    """How an export compares with the harness on noise: the largest difference of two probabilities."""
    compared = compare_with_harness(
        run, network, noise_clips(network.width), TrainingSettings(), classes=CLASSES, of="clips of noise"
    )
    compared.require()
    return f"{compared.largest:.0e}"


def exported(feature: Feature, model: Model) -> Row | None:
    """What comes of a pair; None if the two do not fit."""
    try:
        network = loaded(feature, model, RATE)
    except Infeasible:
        return None
    row: Row = {"feature": feature.name, "model": model.name}
    try:
        onnx = to_onnx(network)
        content = onnx_bytes(onnx.made, {})
        row |= {"onnx": agreement(network, onnx_runner(content)), "kb": len(content) / 1e3}
        row |= {"length": "one" if onnx.fixed else "any"}
    except BenchError as error:
        row["onnx"] = f"no: {error}"
    try:
        row["torch"] = agreement(network, program_runner(program_bytes(to_program(network).made, {})))
    except BenchError as error:
        row["torch"] = f"no: {error}"
    return row


def times(rate: int, window_ms: float, repeats: int) -> Iterator[Row]:
    """Milliseconds of a whole export by the way in which its transform is written, each in turn."""
    registry = load(only=["bench_plugins"])
    feature: Any = registry.features["mel"](sample_rate=rate, window_ms=window_ms)
    network = loaded(feature, registry.models["tc-resnet"](), rate)
    runs = {how: onnx_runner(onnx_bytes(to_onnx(network, fourier=how).made, {})) for how in ("operator", "matrix")}  # type: ignore[arg-type]
    for clips, seconds in ((1, 1), (32, 1)):
        waveforms = np.random.default_rng(0).standard_normal((clips, rate * seconds)).astype(np.float32) / 10
        taken: dict[str, list[float]] = {how: [] for how in runs}
        for _ in range(repeats):
            for how, run in runs.items():
                begun = time.perf_counter()
                run(waveforms)
                taken[how].append(1000 * (time.perf_counter() - begun))
        medians = {how: statistics.median(of_how) for how, of_how in taken.items()}
        points, taps = feature.fft_points, feature.window_samples
        yield {"rate": rate, "points": points, "taps": taps, "clips": clips, **medians}


def measure(sizes: Sizes) -> list[Table]:
    torch.set_num_threads(1)
    every = list(pairs())
    rows = [row for pair in every[: sizes.of(len(every), 2)] if (row := exported(*pair)) is not None]
    timed = [row for transform in TRANSFORMS[: sizes.of(5, 1)] for row in times(*transform, sizes.of(15, 2))]
    worked = sum(not row["onnx"].startswith("no") for row in rows)
    return [
        Table(
            f"Exports of every pair that fits: {worked} of {len(rows)} as ONNX",
            (
                *(Column("feature", "feature"), Column("model", "model"), Column("ONNX: differs by", "onnx")),
                *(Column("length", "length"), Column("kB", "kb", ",.0f"), Column("torch.export: differs by", "torch")),
            ),
            tuple(rows),
            "Defaults, untrained, clips of 1 s at 8 kHz, 10 classes. Largest difference of two probabilities to the "
            "harness over 16 clips of noise.\n",
        ),
        Table(
            "Fourier transforms in onnxruntime: ms of mel and tc-resnet, one thread",
            (
                *(Column("rate, Hz", "rate", ",d"), Column("points", "points", "d"), Column("window", "taps", "d")),
                *(Column("clips of 1 s", "clips", "d"), Column("STFT", "operator", ".2f")),
                Column("convolution", "matrix", ".2f"),
            ),
            tuple(timed),
            "Medians.\n",
        ),
    ]

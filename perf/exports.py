"""Exports every pair of a feature and a model that a study can choose, and times how Fourier transforms are written."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np
import torch

from bench.cores import available_cores
from bench.errors import BenchError
from bench.export.agreement import Runner, compare_with_harness, noise_clips
from bench.export.onnx_file import onnx_bytes, onnx_runner, to_onnx
from bench.export.torch_program import program_bytes, program_runner, to_program
from bench.plugins import Feature, Infeasible, Model, TrainingSettings
from bench.plugins.annotations import Choice, Int
from bench.plugins.networks import build_network
from bench.plugins.registry import load
from bench.results.load_network import LoadedNetwork
from bench.training.frontend import FrontEnd
from perf.tables import Column, Row, Sizes, Table

RATE = 8000
CLASSES = 10
CLIP_SECONDS = (1, 2, 4)
"""Lengths of the clips, of which the first that fits is taken."""
LIMIT = 60
"""Seconds of processor time that a pair may take."""
TRANSFORMS = ((8000, 32.0), (16000, 25.0), (22050, 25.0), (16000, 64.0), (22050, 64.0))
"""Sample rate in Hz and window in ms of the transforms that are timed."""


def loaded(feature: Feature, model: Model, samples: int) -> LoadedNetwork:
    """An untrained network with its front end. Raises Infeasible if the two do not fit."""
    torch.manual_seed(0)
    network = build_network(model, feature.shape(samples), CLASSES).eval()
    return LoadedNetwork(network, FrontEnd(feature, torch.device("cpu")), samples, model.name, model.any_length)


def names() -> list[tuple[str, str]]:
    """Every pair of a shipped feature and a shipped model."""
    registry = load(only=["bench_plugins"])
    return [(feature, model) for feature in registry.features for model in registry.models]


def numbers(plugin: type[Feature] | type[Model], pick: Callable[[Iterable[Any]], Any]) -> dict[str, Any]:
    """The least, or the largest, of the numbers that a search has for each option of a plugin."""
    options: dict[str, Any] = {}
    for name, field in plugin.model_fields.items():
        for annotation in field.metadata:
            if isinstance(annotation, Int):
                options[name] = pick((annotation.low, annotation.high))
            elif isinstance(annotation, Choice) and type(field.default) in (int, float):
                options[name] = pick(value for value in annotation.values if value is not None)
    return options


def agreement(network: LoadedNetwork, run: Runner) -> str:
    """How an export compares with the harness on noise: the largest difference of two probabilities."""
    compared = compare_with_harness(
        run, network, noise_clips(network.width), TrainingSettings(), classes=CLASSES, of="clips of noise"
    )
    compared.require()
    return f"{compared.largest:.0e}"


def exported(names: tuple[str, str]) -> Row | None:
    """What comes of a pair; None if the two do not fit."""
    torch.set_num_threads(1)
    registry = load(only=["bench_plugins"])
    network = that_fits(registry.features[names[0]], registry.models[names[1]])
    if network is None:
        return None
    row: Row = {"feature": names[0], "model": names[1]}
    signal.signal(signal.SIGPROF, _too_long)
    # Again and again, since an exporter may take the first for a failure of its own.
    signal.setitimer(signal.ITIMER_PROF, LIMIT, 5)
    try:
        row |= outcomes(network)
    except TimeoutError as error:
        row = {"onnx": f"no: {error}", "torch": f"no: {error}"} | row
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return row


def that_fits(feature: type[Feature], model: type[Model]) -> LoadedNetwork | None:
    """The smallest network for the feature's defaults, or its most bands, and the shortest clips that it takes."""
    rate = {} if feature.model_fields["sample_rate"].annotation is not int else {"sample_rate": RATE}
    bands = {name: most for name, most in numbers(feature, max).items() if name.startswith("n_")}
    for options, seconds in itertools.product(({}, bands), CLIP_SECONDS):
        chosen = feature(**rate, **options)
        with suppress(Infeasible):
            return loaded(chosen, model(**numbers(model, min)), seconds * chosen.sample_rate)
    return None


def _too_long(*_: object) -> NoReturn:
    raise TimeoutError(f"more than {LIMIT} s of processor time")


def outcomes(network: LoadedNetwork) -> Row:
    """What comes of a network in both formats."""
    row: Row = {}
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


def table_of(rows: Sequence[Row]) -> Table:
    """What came of the pairs that fit, with their share."""
    worked, as_programs = (sum(not row[form].startswith("no") for row in rows) for form in ("onnx", "torch"))
    return Table(
        f"Exports of every pair that fits: {worked} of {len(rows)} as ONNX, {as_programs} by torch.export",
        (
            *(Column("feature", "feature"), Column("model", "model"), Column("ONNX: differs by", "onnx")),
            *(Column("length", "length"), Column("kB", "kb", ",.0f"), Column("torch.export: differs by", "torch")),
        ),
        tuple(rows),
        "Each model with the least of the numbers that a search has for it, untrained, 10 classes, clips of 1 s at "
        "8 kHz or the feature's one rate; longer clips, and more bands, where it takes no fewer. Largest difference of "
        "two probabilities to the harness over 16 clips of noise.\n",
    )


def measure(sizes: Sizes) -> list[Table]:
    torch.set_num_threads(1)
    every = names()
    with ProcessPoolExecutor(available_cores(), multiprocessing.get_context("spawn")) as processes:
        rows = [row for row in processes.map(exported, every[: sizes.of(len(every), 2)]) if row is not None]
    timed = [row for transform in TRANSFORMS[: sizes.of(5, 1)] for row in times(*transform, sizes.of(15, 2))]
    return [
        table_of(rows),
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

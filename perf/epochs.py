"""Measures an epoch of training in twelve ways, in one process and in turn, so that their ratios are fair.

The limit is a bare loop over features in memory. It is compared with the harness with cached features, with the harness
that computes them in every batch, without and with augmentation, and with what people write by hand: a Dataset that
decodes a file and computes its features clip by clip, with torchaudio or with librosa.
"""

from __future__ import annotations

import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from bench.plugins import Feature, Model, TrainingSettings
from bench.training.augmentation import Augmenter
from bench.training.compiled import Compiler
from bench.training.device import autocast
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.loop import train
from bench_plugins.features import Mel
from bench_plugins.models import Cnn, Crnn, TcResNet
from perf import sound
from perf.machine import WORKER, in_own_process, with_peak_memory
from perf.tables import Column, Row, Sizes, Table

BATCH = 64
TIMED = {"linear": 64, "cnn": 256, "tc-resnet": 2048, "crnn": 1024}
"""Number of clips in one timing by network; the times are scaled to all clips."""


class Linear(Model):
    """One layer: all that a quick run needs, which compiles in seconds."""

    name = "linear"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Builds the layer over all features of a clip."""
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))


QUICK = "linear"
NETWORKS: dict[str, tuple[Model, Mel]] = {
    QUICK: (Linear(), Mel(scale="ln", normalise="none")),
    "cnn": (Cnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
    "tc-resnet": (TcResNet(), Mel(scale="ln", normalise="none")),
    "crnn": (Crnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
}
PLAIN = TrainingSettings(epochs=10_000, batch_size=BATCH, schedule="constant", time_shift=0.0, label_smoothing=0.0)
SHIFTED = PLAIN.model_copy(update={"time_shift": 0.1})
NOISY = PLAIN.model_copy(update={"time_shift": 0.1, "noise_snr": 15.0})

Timings = Iterator[Any]
"""An iterator each of whose steps trains on as many clips as a timing has."""


@dataclass(frozen=True)
class Clips:
    """Clips of one second of noise, in memory and on disk."""

    samples: NDArray[np.int16]
    targets: Tensor
    paths: list[Path]
    """Files of the clips that one timing reads."""
    device: torch.device

    @property
    def steps(self) -> int:
        """Number of batches in one timing."""
        return -(-len(self.paths) // BATCH)

    @property
    def timed(self) -> int:
        """Number of clips in one timing."""
        return min(len(self.paths), self.steps * BATCH)

    def on_device(self, selection: slice = slice(None), *, prefetch: bool = False) -> DeviceClips:
        """Returns the clips on the device. `prefetch` says that a spare core may prepare batches."""
        count = len(self.targets[selection])
        return DeviceClips(
            ids=("",) * count,
            groups=("",) * count,
            targets=self.targets[selection].to(self.device),
            samples=torch.from_numpy(self.samples[selection]).to(self.device),
            lengths=torch.full((count,), sound.RATE, device=self.device),
            prefetch=prefetch,
        )


def make_clips(count: int, folder: Path, device: str, *, timed: int) -> Clips:
    """Makes `count` clips and writes `timed` of them to files."""
    samples = sound.noise(count)
    paths = sound.files(folder, samples[:timed])
    return Clips(samples, torch.from_numpy(sound.labels(count)), paths, torch.device(device))


def bare_loop(model: Model, feature: Feature, clips: Clips) -> Timings:
    """Trains by a bare loop over features in memory, which is the limit."""
    device_clips = clips.on_device()
    features = FrontEnd(feature, clips.device).all_of(device_clips)
    network, optimiser = _network(model, tuple(features.shape[1:]), clips.device)

    def batches() -> Iterator[Tensor]:
        while True:
            yield from torch.split(torch.randperm(len(features), device=clips.device), BATCH)

    endless = batches()
    while True:
        for index in itertools.islice(endless, clips.steps):
            step(network, optimiser, features[index], device_clips.targets[index])
        yield None


def harness(
    settings: TrainingSettings, *, cache: bool, prefetch: bool = False, compiled: bool = False
) -> Callable[[Model, Feature, Clips], Timings]:
    """Trains by the harness's own loop with a single validation clip, since the other ways do not validate."""

    def run(model: Model, feature: Feature, clips: Clips) -> Timings:
        front_end = FrontEnd(feature, clips.device)
        if not cache:
            front_end.fits = lambda examples: False  # type: ignore[method-assign]
        network = model.build(feature.shape(sound.RATE), sound.CLASSES).to(clips.device)
        generator = torch.Generator().manual_seed(0)
        shape = (BATCH, *feature.shape(sound.RATE))
        return train(
            network,
            front_end,
            settings.model_copy(update={"steps": clips.steps}),
            training=clips.on_device(prefetch=prefetch),
            validation=clips.on_device(slice(1)),
            classes=sound.CLASSES,
            augmentation=Augmenter(settings, sample_rate=sound.RATE, noise=None, generator=generator),
            generator=generator,
            forward=Compiler(print).compile(network, shape, configuration="") if compiled else None,
        )

    return run


class PerItem(Dataset[tuple[Tensor, Tensor]]):
    """A data set as people write it by hand, which decodes a file and computes its features clip by clip."""

    def __init__(self, clips: Clips, features_of: Callable[[Path], Tensor]) -> None:
        self.clips = clips
        self.features_of = features_of

    def __len__(self) -> int:
        return self.clips.timed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.features_of(self.clips.paths[index]), self.clips.targets[index]


class Torchaudio:
    """Computes the log-mel spectrogram of a file by torchaudio."""

    def __init__(self, feature: Mel) -> None:
        import torchaudio

        self.mel = torchaudio.transforms.MelSpectrogram(
            sound.RATE, feature.fft_points, feature.window_samples, feature.hop_samples, n_mels=feature.n_mels
        )

    def __call__(self, path: Path) -> Tensor:
        waveform, _ = soundfile.read(path, dtype="float32")
        features: Tensor = (self.mel(torch.from_numpy(waveform)) + 1e-6).log()
        return features


class Librosa:
    """Computes the log-mel spectrogram of a file by librosa."""

    def __init__(self, feature: Mel) -> None:
        self.feature = feature

    def __call__(self, path: Path) -> Tensor:
        import librosa

        waveform, _ = librosa.load(path, sr=sound.RATE)
        mel = librosa.feature.melspectrogram(
            y=waveform,
            sr=sound.RATE,
            n_fft=self.feature.fft_points,
            hop_length=self.feature.hop_samples,
            win_length=self.feature.window_samples,
            n_mels=self.feature.n_mels,
        )
        return torch.from_numpy(np.log(mel + 1e-6))


def clip_by_clip(
    front_end: type[Torchaudio] | type[Librosa], workers: int
) -> Callable[[Model, Feature, Clips], Timings]:
    """Trains by a DataLoader over files with so many loading processes."""

    def run(model: Model, feature: Feature, clips: Clips) -> Timings:
        assert isinstance(feature, Mel)
        loader = DataLoader(
            PerItem(clips, front_end(feature)),
            batch_size=BATCH,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=clips.device.type == "cuda",
        )
        network, optimiser = _network(model, feature.shape(sound.RATE), clips.device)
        while True:
            for features, targets in loader:
                batch = features.to(clips.device, non_blocking=True), targets.to(clips.device, non_blocking=True)
                step(network, optimiser, *batch)
            yield None

    return run


def _network(model: Model, shape: tuple[int, ...], device: torch.device) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = model.build(shape, sound.CLASSES).to(device).train()
    return network, torch.optim.AdamW(network.parameters(), lr=1e-3, fused=device.type == "cuda")


def step(network: nn.Module, optimiser: torch.optim.Optimizer, features: Tensor, targets: Tensor) -> None:
    """Trains one step in the harness's precision on this device."""
    optimiser.zero_grad(set_to_none=True)
    with autocast(features.device):
        logits = network(features)
    torch.autograd.backward(functional.cross_entropy(logits.float(), targets))
    optimiser.step()


BARE = "bare loop over features in memory"
COMPILED = "harness with --compile, cached features"
SPARE_CORE = "harness with a spare core"
WAYS: dict[str, Callable[[Model, Feature, Clips], Timings]] = {
    BARE: bare_loop,
    "harness, cached features": harness(PLAIN, cache=True),
    COMPILED: harness(PLAIN, cache=True, compiled=True),
    "harness, features in every batch": harness(PLAIN, cache=False),
    "harness, the same with shift": harness(SHIFTED, cache=False),
    "harness, the same with shift and noise": harness(NOISY, cache=False),
    f"{SPARE_CORE}, features in every batch": harness(PLAIN, cache=False, prefetch=True),
    f"{SPARE_CORE}, the same with shift": harness(SHIFTED, cache=False, prefetch=True),
    f"{SPARE_CORE}, the same with shift and noise": harness(NOISY, cache=False, prefetch=True),
    "torchaudio clip by clip": clip_by_clip(Torchaudio, 0),
    "torchaudio clip by clip, 2 loading processes": clip_by_clip(Torchaudio, 2),
    "librosa clip by clip": clip_by_clip(Librosa, 0),
}


def seconds_of_an_epoch(network: str, count: int, repeats: int, device: str) -> dict[str, float]:
    """Returns the median seconds of an epoch by way. After a warm-up, all ways run in turn, repeatedly."""
    torch.set_num_threads(1)
    model, feature = NETWORKS[network]
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(count, Path(folder), device, timed=TIMED[network])
        running = {way: iter(start_way(model, feature, clips)) for way, start_way in WAYS.items()}
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for number, (way, timings) in itertools.product(range(repeats + 1), running.items()):
            start = time.perf_counter()
            next(timings)
            if clips.device.type == "cuda":
                torch.cuda.synchronize()
            if number:
                seconds[way].append(time.perf_counter() - start)
        return {way: statistics.median(times) * count / clips.timed for way, times in seconds.items()}


def train_once(network: str, way: str, count: int, device: str) -> None:
    """Runs one timing of one way, to measure its memory."""
    torch.set_num_threads(1)
    model, feature = NETWORKS[network]
    with tempfile.TemporaryDirectory() as folder:
        next(iter(WAYS[way](model, feature, make_clips(count, Path(folder), device, timed=TIMED[network]))))


def measure(sizes: Sizes) -> list[Table]:
    """Returns a table for every number of clips."""
    networks = (QUICK,) if sizes.quick else tuple(name for name in NETWORKS if name != QUICK)
    return [_table(count, networks, sizes) for count in ((65,) if sizes.quick else (2000, 20_000))]


def _table(count: int, networks: tuple[str, ...], sizes: Sizes) -> Table:
    repeats = sizes.of(5, 1)
    ways = tuple(WAYS)[1:3] if sizes.quick else tuple(WAYS)
    rows: list[Row] = []
    for network in networks:
        seconds = in_own_process(seconds_of_an_epoch, network, count, repeats, sizes.device, environment=WORKER)
        memory = {
            way: with_peak_memory(train_once, network, way, count, sizes.device, environment=WORKER)[1]
            for way in ways
            if way != COMPILED
        }
        rows += [
            {
                "network": network,
                "way": way,
                "seconds": epoch_seconds,
                "times_bare": epoch_seconds / seconds[BARE],
                "clips_a_second": count / epoch_seconds,
                "peak_megabytes": memory.get(way),
            }
            for way, epoch_seconds in seconds.items()
        ]
    timed = ", ".join(
        f"{min(number, count):,} for {network}" for network, number in TIMED.items() if network in networks
    )
    return Table(
        title=f"An epoch over {count:,} clips of one second, on {sizes.device}",
        columns=(
            Column("Network", "network"),
            Column("Way", "way"),
            Column("Seconds", "seconds", ".2f"),
            Column("Times the bare loop", "times_bare", ".2f"),
            Column("Clips a second", "clips_a_second", ",.0f"),
            Column("Peak memory, MiB", "peak_megabytes", ",.0f"),
        ),
        rows=tuple(rows),
        note=f"Median of {repeats}, every way in turn, batches of {BATCH}, one torch thread. Clips of a timing, which "
        f"is scaled to all: {timed}. Cached features are computed before the clock starts, in the bare loop as "
        "in the harness, and --compile is done by then; clip by clip, decoding the file is part of it. A spare core: a "
        "thread prefetches the next batch there. Memory is that of a process of its own with all that it has started, "
        "torch included.",
    )

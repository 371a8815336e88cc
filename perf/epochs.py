"""An epoch of training in twelve ways, in one process and in turn, so that the ratios between them are fair.

The limit is a bare loop over features that are in memory. Beside it: the harness with kept features, the harness that
computes them in every batch, without and with augmentation, and what people write by hand: a Dataset that decodes a file
and computes its features clip by clip, with torchaudio or with librosa.
"""

from __future__ import annotations

import itertools
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
from bench.training.augmentation import Augmentation
from bench.training.compiled import Compiler
from bench.training.device import autocast
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.loop import train
from bench_plugins.features import Mel
from bench_plugins.models import Cnn, Crnn, TcResNet
from perf import sound
from perf.machine import WORKER, in_own_process, weighed
from perf.tables import Column, Row, Sizes, Table

BATCH = 64
TIMED = {"cnn": 256, "tc-resnet": 2048, "crnn": 1024}
"""Clips of one timing: all of a small set, a part of a large one or for a slow network, scaled to all."""
NETWORKS: dict[str, tuple[Model, Mel]] = {
    "cnn": (Cnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
    "tc-resnet": (TcResNet(), Mel(scale="ln", normalise="none")),
    "crnn": (Crnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
}
PLAIN = TrainingSettings(epochs=10_000, batch_size=BATCH, schedule="constant", time_shift=0.0, label_smoothing=0.0)
SHIFTED = PLAIN.model_copy(update={"time_shift": 0.1})
NOISY = PLAIN.model_copy(update={"time_shift": 0.1, "noise_snr": 15.0})

Timings = Iterator[Any]
"""Every step of it trains on as many clips as a timing has."""


@dataclass(frozen=True)
class Clips:
    """Noise of one second, in memory and on disk."""

    samples: NDArray[np.int16]
    targets: Tensor
    paths: list[Path]
    """Of those that one timing reads."""
    device: torch.device

    @property
    def steps(self) -> int:
        """Batches of one timing."""
        return -(-len(self.paths) // BATCH)

    @property
    def timed(self) -> int:
        """Clips of one timing."""
        return min(len(self.paths), self.steps * BATCH)

    def as_held(self, few: slice = slice(None), *, ahead: bool = False) -> DeviceClips:
        """As the harness holds them. `ahead`: on a machine with a core to spare."""
        count = len(self.targets[few])
        return DeviceClips(
            ids=("",) * count,
            groups=("",) * count,
            targets=self.targets[few].to(self.device),
            samples=torch.from_numpy(self.samples[few]).to(self.device),
            lengths=torch.full((count,), sound.RATE, device=self.device),
            ahead=ahead,
        )


def make_clips(count: int, folder: Path, device: str, *, timed: int) -> Clips:
    """`count` clips, `timed` of them in files."""
    samples = sound.noise(count)
    paths = sound.files(folder, samples[:timed])
    return Clips(samples, torch.from_numpy(sound.labels(count)), paths, torch.device(device))


def bare_loop(model: Model, feature: Feature, clips: Clips) -> Timings:
    """The limit: features of all clips in memory, a loop, and nothing else."""
    held = clips.as_held()
    features = FrontEnd(feature, clips.device).all_of(held)
    network, optimiser = _network(model, tuple(features.shape[1:]), clips.device)

    def batches() -> Iterator[Tensor]:
        while True:
            yield from torch.split(torch.randperm(len(features), device=clips.device), BATCH)

    endless = batches()
    while True:
        for index in itertools.islice(endless, clips.steps):
            step(network, optimiser, features[index], held.targets[index])
        yield None


def harness(
    settings: TrainingSettings, *, keep: bool, ahead: bool = False, compiled: bool = False
) -> Callable[[Model, Feature, Clips], Timings]:
    """The harness's own loop; one validation clip, so that its validation costs nothing that the others do not have."""

    def run(model: Model, feature: Feature, clips: Clips) -> Timings:
        front_end = FrontEnd(feature, clips.device)
        if not keep:
            front_end.fits = lambda examples: False  # type: ignore[method-assign]
        network = model.build(feature.shape(sound.RATE), sound.CLASSES).to(clips.device)
        generator = torch.Generator().manual_seed(0)
        shape = (BATCH, *feature.shape(sound.RATE))
        return train(
            network,
            front_end,
            settings.model_copy(update={"steps": clips.steps}),
            training=clips.as_held(ahead=ahead),
            validation=clips.as_held(slice(1)),
            augmentation=Augmentation(settings, sample_rate=sound.RATE, noise=None, generator=generator),
            generator=generator,
            forward=Compiler(print).compile(network, shape, configuration="") if compiled else None,
        )

    return run


class PerItem(Dataset[tuple[Tensor, Tensor]]):
    """What people write by hand: decode a file, compute its features, clip by clip."""

    def __init__(self, clips: Clips, features_of: Callable[[Path], Tensor]) -> None:
        self.clips = clips
        self.features_of = features_of

    def __len__(self) -> int:
        return self.clips.timed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.features_of(self.clips.paths[index]), self.clips.targets[index]


class Torchaudio:
    """Log-mel of a file by torchaudio's transform."""

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
    """Log-mel of a file by librosa."""

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


def by_hand(front_end: type[Torchaudio] | type[Librosa], workers: int) -> Callable[[Model, Feature, Clips], Timings]:
    """A DataLoader over files, with as many loading processes as said."""

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
                moved = features.to(clips.device, non_blocking=True), targets.to(clips.device, non_blocking=True)
                step(network, optimiser, *moved)
            yield None

    return run


def _network(model: Model, shape: tuple[int, ...], device: torch.device) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = model.build(shape, sound.CLASSES).to(device).train()
    return network, torch.optim.AdamW(network.parameters(), lr=1e-3, fused=device.type == "cuda")


def step(network: nn.Module, optimiser: torch.optim.Optimizer, features: Tensor, targets: Tensor) -> None:
    """One step of training, in the precision that the harness has on this device."""
    optimiser.zero_grad(set_to_none=True)
    with autocast(features.device):
        logits = network(features)
    torch.autograd.backward(functional.cross_entropy(logits.float(), targets))
    optimiser.step()


BARE = "bare loop over features in memory"
COMPILED = "harness with --compile, features kept"
AHEAD = "harness with a spare core"
WAYS: dict[str, Callable[[Model, Feature, Clips], Timings]] = {
    BARE: bare_loop,
    "harness, features kept": harness(PLAIN, keep=True),
    COMPILED: harness(PLAIN, keep=True, compiled=True),
    "harness, features in every batch": harness(PLAIN, keep=False),
    "harness, the same with shift": harness(SHIFTED, keep=False),
    "harness, the same with shift and noise": harness(NOISY, keep=False),
    f"{AHEAD}, features in every batch": harness(PLAIN, keep=False, ahead=True),
    f"{AHEAD}, the same with shift": harness(SHIFTED, keep=False, ahead=True),
    f"{AHEAD}, the same with shift and noise": harness(NOISY, keep=False, ahead=True),
    "torchaudio clip by clip": by_hand(Torchaudio, 0),
    "torchaudio clip by clip, 2 loading processes": by_hand(Torchaudio, 2),
    "librosa clip by clip": by_hand(Librosa, 0),
}


def seconds_of_an_epoch(network: str, count: int, repeats: int, device: str) -> dict[str, float]:
    """Median seconds of an epoch, by way: after a timing to warm up, every way in turn, again and again."""
    torch.set_num_threads(1)
    model, feature = NETWORKS[network]
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(count, Path(folder), device, timed=TIMED[network])
        running = {way: iter(start(model, feature, clips)) for way, start in WAYS.items()}
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for number, (way, timings) in itertools.product(range(repeats + 1), running.items()):
            begin = time.perf_counter()
            next(timings)
            if clips.device.type == "cuda":
                torch.cuda.synchronize()
            if number:
                seconds[way].append(time.perf_counter() - begin)
        return {way: statistics.median(times) * count / clips.timed for way, times in seconds.items()}


def train_once(network: str, way: str, count: int, device: str) -> None:
    """One timing of one way: for its memory."""
    torch.set_num_threads(1)
    model, feature = NETWORKS[network]
    with tempfile.TemporaryDirectory() as folder:
        next(iter(WAYS[way](model, feature, make_clips(count, Path(folder), device, timed=TIMED[network]))))


def measure(sizes: Sizes) -> list[Table]:
    """A table for every number of clips."""
    networks = ("tc-resnet",) if sizes.quick else tuple(NETWORKS)
    return [_table(count, networks, sizes) for count in ((128,) if sizes.quick else (2000, 20_000))]


def _table(count: int, networks: tuple[str, ...], sizes: Sizes) -> Table:
    repeats = sizes.of(5, 1)
    ways = tuple(WAYS)[1:3] if sizes.quick else tuple(WAYS)
    rows: list[Row] = []
    for network in networks:
        seconds = in_own_process(seconds_of_an_epoch, network, count, repeats, sizes.device, environment=WORKER)
        memory = {
            way: weighed(train_once, network, way, count, sizes.device, environment=WORKER)[1]
            for way in ways
            if way != COMPILED
        }
        rows += [
            {
                "network": network,
                "way": way,
                "seconds": took,
                "times_bare": took / seconds[BARE],
                "clips_a_second": count / took,
                "peak_megabytes": memory.get(way),
            }
            for way, took in seconds.items()
        ]
    timed = ", ".join(f"{min(number, count):,} for {network}" for network, number in TIMED.items())
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
        f"is scaled to all: {timed}. Features that are kept are computed before the clock starts, in the bare loop as "
        "in the harness, and --compile is done by then; clip by clip, decoding the file is part of it. A spare core: a "
        "thread makes the next batch there. Memory is that of a process of its own with all that it has started, "
        "torch included.",
    )

"""An epoch of training in seven ways, in one process and in turn, so that the ratios between them are fair.

    .venv/bin/python perf/epochs.py --clips 2000 --epochs 5

The limit is a bare loop over features that are in memory. Beside it: the harness with kept features, the harness that
computes them in every batch, without and with augmentation, and what people write by hand: a Dataset that decodes a file
and computes its features clip by clip, with torchaudio or with librosa.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from bench.plugins import Feature, Model, TrainingSettings
from bench.reporting.markdown import table
from bench.training.augmentation import Augmentation
from bench.training.clips import DeviceClips
from bench.training.device import device_name
from bench.training.frontend import FrontEnd
from bench.training.loop import train
from bench_plugins.features import Mel
from bench_plugins.models import Cnn, Crnn, TcResNet

CLASSES = 10
BATCH = 64
RATE = 16000
NETWORKS: dict[str, tuple[Model, Feature]] = {
    "cnn": (Cnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
    "tc-resnet": (TcResNet(), Mel(normalise="none")),
    "crnn": (Crnn(), Mel(window_ms=128.0, hop_ms=23.22, n_mels=128)),
}
PLAIN = TrainingSettings(epochs=10_000, batch_size=BATCH, schedule="constant", time_shift=0.0, label_smoothing=0.0)
AUGMENTED = PLAIN.model_copy(update={"time_shift": 0.1, "noise_snr": 15.0})

Epochs = Iterator[object]
"""Every step of it trains one epoch."""


class Clips:
    """Noise of one second, on disk and in memory: what a clip holds does not change what it costs."""

    def __init__(self, count: int, folder: Path) -> None:
        random = np.random.default_rng(0)
        self.samples = random.integers(-8000, 8000, (count, RATE), dtype=np.int16)
        self.targets = torch.from_numpy(random.integers(0, CLASSES, count))
        self.paths = [folder / f"{number}.wav" for number in range(count)]
        for path, clip in zip(self.paths, self.samples, strict=True):
            soundfile.write(path, clip, RATE)

    def on_device(self, few: slice = slice(None)) -> DeviceClips:
        """As the harness holds them."""
        count = len(self.targets[few])
        return DeviceClips(
            ids=("",) * count,
            groups=("",) * count,
            targets=self.targets[few],
            samples=torch.from_numpy(self.samples[few]),
            lengths=torch.full((count,), RATE),
        )


def bare_loop(model: Model, feature: Feature, clips: Clips) -> Epochs:
    """The limit: features of all clips in memory, a loop, and nothing else."""
    features = FrontEnd(feature, torch.device("cpu")).all_of(clips.on_device())
    network = model.build(tuple(features.shape[1:]), CLASSES)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    while True:
        for index in torch.split(torch.randperm(len(features)), BATCH):
            step(network, optimiser, features[index], clips.targets[index])
        yield


def harness(settings: TrainingSettings, *, keep: bool) -> Callable[[Model, Feature, Clips], Epochs]:
    """The harness's own loop; one validation clip, so that its validation costs nothing that the others do not have."""

    def run(model: Model, feature: Feature, clips: Clips) -> Epochs:
        front_end = FrontEnd(feature, torch.device("cpu"))
        if not keep:
            front_end.fits = lambda clips: False  # type: ignore[method-assign]
        network = model.build(feature.shape(RATE), CLASSES)
        generator = torch.Generator().manual_seed(0)
        augmentation = Augmentation(settings, sample_rate=RATE, noise=None, generator=generator)
        return train(
            network,
            front_end,
            settings,
            training=clips.on_device(),
            validation=clips.on_device(slice(1)),
            augmentation=augmentation,
            generator=generator,
        )

    return run


class PerItem(Dataset[tuple[Tensor, Tensor]]):
    """What people write by hand: decode a file, compute its features, clip by clip."""

    def __init__(self, clips: Clips, features_of: Callable[[Path], Tensor]) -> None:
        self.clips = clips
        self.features_of = features_of

    def __len__(self) -> int:
        return len(self.clips.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.features_of(self.clips.paths[index]), self.clips.targets[index]


class Torchaudio:
    """Log-mel of a file by torchaudio's transform."""

    def __init__(self, feature: Mel) -> None:
        import torchaudio

        self.mel = torchaudio.transforms.MelSpectrogram(
            RATE, feature.fft_points, feature.window_samples, feature.hop_samples, n_mels=feature.n_mels
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

        waveform, _ = librosa.load(path, sr=RATE)
        mel = librosa.feature.melspectrogram(
            y=waveform,
            sr=RATE,
            n_fft=self.feature.fft_points,
            hop_length=self.feature.hop_samples,
            win_length=self.feature.window_samples,
            n_mels=self.feature.n_mels,
        )
        return torch.from_numpy(np.log(mel + 1e-6))


def by_hand(front_end: type[Torchaudio] | type[Librosa], workers: int) -> Callable[[Model, Feature, Clips], Epochs]:
    """A DataLoader over files, with as many loading processes as said."""

    def run(model: Model, feature: Feature, clips: Clips) -> Epochs:
        assert isinstance(feature, Mel)
        loader = DataLoader(
            PerItem(clips, front_end(feature)),
            batch_size=BATCH,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        network = model.build(feature.shape(RATE), CLASSES)
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
        while True:
            for features, targets in loader:
                step(network, optimiser, features, targets)
            yield

    return run


def step(network: nn.Module, optimiser: torch.optim.Optimizer, features: Tensor, targets: Tensor) -> None:
    """One step of training."""
    optimiser.zero_grad(set_to_none=True)
    functional.cross_entropy(network(features), targets).backward()
    optimiser.step()


WAYS: dict[str, Callable[[Model, Feature, Clips], Epochs]] = {
    "bare loop over features in memory": bare_loop,
    "harness, features kept": harness(PLAIN, keep=True),
    "harness, features in every batch": harness(PLAIN, keep=False),
    "harness, the same with shift and noise": harness(AUGMENTED, keep=False),
    "torchaudio clip by clip": by_hand(Torchaudio, 0),
    "torchaudio clip by clip, 2 loaders": by_hand(Torchaudio, 2),
    "librosa clip by clip": by_hand(Librosa, 0),
}


def measure(name: str, clips: Clips, epochs: int) -> dict[str, float]:
    """Median seconds of an epoch, by way: after one epoch to warm up, every way in turn, again and again."""
    model, feature = NETWORKS[name]
    running = {way: iter(start(model, feature, clips)) for way, start in WAYS.items()}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number, (way, steps) in itertools.product(range(epochs + 1), running.items()):
        begin = time.perf_counter()
        next(steps)
        if number:
            seconds[way].append(time.perf_counter() - begin)
    return {way: statistics.median(times) for way, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        clips = Clips(chosen.clips, Path(folder))
        for name in chosen.networks:
            seconds = measure(name, clips, chosen.epochs)
            limit = seconds["bare loop over features in memory"]
            rows += [
                (name, way, f"{took:.2f}", f"{took / limit:.2f}", f"{chosen.clips / took:,.0f}")
                for way, took in seconds.items()
            ]
    print(
        f"{chosen.clips:,} clips of one second at {RATE} Hz, batches of {BATCH}, median of {chosen.epochs} epochs; "
        f"{device_name(torch.device('cpu'))}, one torch thread, torch {torch.__version__}, "
        f"python {platform.python_version()}\n"
    )
    header = ("Network", "Way", "Seconds an epoch", "Times the bare loop", "Clips a second")
    print(table(header, rows, align=("left", "left", "right", "right", "right")))


if __name__ == "__main__":
    main()

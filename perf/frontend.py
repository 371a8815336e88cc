"""Measures where the time of a batch goes if its features are computed in training."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmenter
from bench.training.device_clips import DeviceClips
from bench.training.frontend import CPU_CHUNK, FrontEnd
from bench_plugins.features import Mel
from bench_plugins.front_ends.fourier import power_of
from bench_plugins.models import TcResNet
from perf import sound
from perf.epochs import BATCH, step
from perf.machine import WORKER, in_own_process
from perf.tables import Column, Row, Sizes, Table

FEATURE = Mel(scale="ln", normalise="none")
STEP = "a step of tc-resnet"
FRONT_END = "mel, all of it"
FFT = "of it, the transforms alone"


def microseconds_a_clip(clips: int, repeats: int) -> dict[str, float]:
    """Returns medians by stage. All stages run in turn, and every batch is drawn anew so that clips come from memory."""
    torch.set_num_threads(1)
    samples = torch.from_numpy(sound.noise(clips))
    device_clips = DeviceClips(
        ids=("",) * clips,
        groups=("",) * clips,
        targets=torch.from_numpy(sound.labels(clips)),
        samples=samples,
        lengths=torch.full((clips,), sound.RATE),
    )
    front_end = FrontEnd(FEATURE, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    settings = TrainingSettings(time_shift=0.1, noise_snr=15.0)
    augmentation = Augmenter(settings, sample_rate=sound.RATE, noise=None, generator=generator)
    network = TcResNet().build(FEATURE.shape(sound.RATE), sound.CLASSES).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    transform, filters = front_end.module.power.transform, front_end.module.power.filters
    points, hop = FEATURE.fft_points, FEATURE.hop_samples
    seconds: dict[str, list[float]] = {}

    def timed(stage: str, run: Callable[[], torch.Tensor], count: int = BATCH) -> torch.Tensor:
        start = time.perf_counter()
        result = run()
        seconds.setdefault(stage, []).append((time.perf_counter() - start) / count)
        return result

    for _ in range(1 + repeats):
        index = torch.randint(clips, (BATCH,))
        with torch.no_grad():
            waveforms = timed("reading 64 clips, to float", lambda: device_clips.waveforms(index))  # noqa: B023
            timed("shift and noise", lambda: augmentation.waveforms(waveforms))  # noqa: B023
            features = timed(FRONT_END, lambda: front_end(waveforms))  # noqa: B023
            chunk = waveforms[:CPU_CHUNK].clone()
            spectra = timed("of it, the short-time transform", lambda: transform(chunk), CPU_CHUNK)  # noqa: B023
            frames = torch.nn.functional.pad(chunk, (points // 2, points // 2)).unfold(1, points, hop).contiguous()
            timed(FFT, lambda: torch.fft.rfft(frames).real, CPU_CHUNK)  # noqa: B023
            power = timed("of it, the power", lambda: power_of(spectra), CPU_CHUNK)  # noqa: B023
            bands = timed("of it, the bands", lambda: power @ filters, CPU_CHUNK)  # noqa: B023
            timed("of it, the logarithm", lambda: (bands + 1e-6).log_(), CPU_CHUNK)  # noqa: B023

        def train(
            features: torch.Tensor = features, targets: torch.Tensor = device_clips.targets[index]
        ) -> torch.Tensor:
            step(network, optimiser, features, targets)
            return targets

        timed(STEP, train)
    return {stage: 1e6 * statistics.median(times[1:]) for stage, times in seconds.items()}


def measure(sizes: Sizes) -> list[Table]:
    """Returns one table."""
    clips, repeats = sizes.of(2000, 128), sizes.of(60, 2)
    medians = in_own_process(microseconds_a_clip, clips, repeats, environment=WORKER)
    rows: tuple[Row, ...] = tuple(
        {"stage": stage, "microseconds": microseconds, "of_step": microseconds / medians[STEP]}
        for stage, microseconds in medians.items()
    )
    return [
        Table(
            title="A batch whose features are computed in training",
            columns=(
                Column("Stage", "stage"),
                Column("Microseconds a clip", "microseconds", ".1f"),
                Column("Share of a step", "of_step", ".0%"),
            ),
            rows=rows,
            note=f"Medians of {repeats}, in turn: batches of {BATCH} of {clips:,} clips of one second, mel of 40 bands "
            f"in ln as in the epochs of tc-resnet, in chunks of {CPU_CHUNK}; one torch thread, which does one after the "
            "other. The transforms alone: torch's rfft of frames that are ready, which MKL computes.",
        )
    ]

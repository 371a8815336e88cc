"""Generates clips. Their content does not change what they cost, but a study needs something to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16000
CLASSES = 10


def noise(clips: int) -> NDArray[np.int16]:
    """Generates noise clips of one second at RATE, [clips, samples]."""
    return np.random.default_rng(0).integers(-8000, 8000, (clips, RATE), dtype=np.int16)


def labels(clips: int) -> NDArray[np.int64]:
    """Draws a class for every clip, [clips]."""
    return np.random.default_rng(1).integers(0, CLASSES, clips)


def files(folder: Path, samples: NDArray[np.int16]) -> list[Path]:
    """Writes clips as 16-bit WAV files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05d}.wav" for number in range(len(samples))]
    for path, clip in zip(paths, samples, strict=True):
        soundfile.write(path, clip, RATE)
    return paths


def data_set(folder: Path, *, clips: int, classes: int = 4, seconds: float = 1.0) -> Path:
    """Writes a data set for `bench run --dataset folder:PATH`: tones of one pitch per class under noise."""
    random = np.random.default_rng(2)
    time = np.arange(round(seconds * RATE)) / RATE
    for number in range(clips):
        class_ = number % classes
        pitch = 300.0 * 1.5**class_ * random.uniform(0.95, 1.05)
        clip = 0.2 * np.sin(2 * np.pi * pitch * time) + 0.1 * random.standard_normal(len(time))
        path = folder / f"class-{class_}" / f"{number:05d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, clip, RATE)
    return folder

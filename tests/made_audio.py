"""Audio files that tests write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.data.prepared import PreparedData
from bench.plugins import Dataset


def tone(seed: int, seconds: float = 0.5, sample_rate: int = 8000) -> np.ndarray:
    """A sine of a pitch of its own under a little noise, float64 in -1..1."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return 0.4 * np.sin(2 * np.pi * random.uniform(200, 2000) * time) + 0.05 * random.standard_normal(len(time))


def write(path: Path, samples: np.ndarray, sample_rate: int = 8000, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, **options)
    return path


def cats_and_dogs(root: Path, clips: int = 20) -> Path:
    """Two classes of `clips` half-second files each."""
    for number in range(2 * clips):
        write(root / ("cat", "dog")[number % 2] / f"s{number % 5}_{number}.wav", tone(number))
    return root


def prepared(dataset: Dataset, tmp_path: Path, *rates: int, **options: Any) -> PreparedData:
    from bench.data.preparation import prepare

    return prepare(
        dataset, data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", sample_rates=rates or (8000,), **options
    )

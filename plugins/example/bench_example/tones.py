"""The tones of the data set `timbres`, made with numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
HARMONICS = np.arange(1, 9)[:, None]
STRENGTHS = {
    "flute": 1.0 / HARMONICS**3,
    "clarinet": (HARMONICS % 2) / HARMONICS,
    "violin": 1.0 / HARMONICS,
}
"""Strength of every harmonic, by label."""


def tone(label: str, seconds: float, *, seed: int) -> NDArray[np.float64]:
    """Makes a tone at a drawn pitch and level, with noise 30 dB below full scale: [samples], peak below 1."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 110.0 * 4.0 ** draw.uniform()
    phases = draw.uniform(0, 2 * np.pi, HARMONICS.shape)
    waveform = (STRENGTHS[label] * np.sin(2 * np.pi * pitch * HARMONICS * time + phases)).sum(axis=0)
    noisy = draw.uniform(0.1, 0.8) * waveform / np.abs(waveform).max() + draw.normal(0.0, 0.03, time.size)
    return np.clip(noisy, -1.0, 1.0)

"""Three timbres at many pitches, made with numpy: a data set that needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from bench.plugins import BenchError, Clip, Dataset, Listing, ProgressCallback, Split

SAMPLE_RATE = 16000
HARMONICS = np.arange(1, 9)[:, None]
STRENGTHS = {
    "flute": 1.0 / HARMONICS**3,
    "clarinet": (HARMONICS % 2) / HARMONICS,
    "violin": 1.0 / HARMONICS,
}
"""By label, the strength of the harmonics."""
CLIPS = {"train": 24, "validation": 8, "test": 8}
"""Per class."""


class Timbres(Dataset):
    """Tones of three timbres, a quarter of a second each, at pitches from 110 to 440 Hz with a little noise."""

    name: ClassVar[str] = "timbres"
    folder: ClassVar[str] = "timbres-v1"
    source: ClassVar[str] = "synthesised by this package"

    def labels(self) -> tuple[str, ...]:
        return tuple(STRENGTHS)

    def seconds(self) -> float:
        return 0.25

    def clips(self, root: Path) -> Listing:
        clips = tuple(clip for clip in _clips() if (root / clip.path).is_file())
        if not clips:
            raise BenchError(f"{root} holds no tones: delete it, and it is made again")
        missing = tuple(clip.path for clip in _clips() if clip not in clips)
        return Listing(clips, missing)

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        clips = list(_clips())
        for number, clip in enumerate(clips):
            path = root / clip.path
            path.parent.mkdir(parents=True, exist_ok=True)
            # One seed a clip: the same bytes every time, in whatever order they are made.
            soundfile.write(path, _tone(clip.label, self.seconds(), np.random.default_rng(number)), SAMPLE_RATE)
            progress(number + 1, len(clips))


def _clips() -> Iterator[Clip]:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for split in splits:
        for label in STRENGTHS:
            for number in range(CLIPS[split]):
                yield Clip(f"{split}/{label}/{number:02}.wav", label, split)


def _tone(label: str, seconds: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """A tone at a drawn pitch and level, with noise 30 dB below full scale: [samples], peak below 1."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 110.0 * 4.0 ** draw.uniform()
    phases = draw.uniform(0, 2 * np.pi, HARMONICS.shape)
    tone = (STRENGTHS[label] * np.sin(2 * np.pi * pitch * HARMONICS * time + phases)).sum(axis=0)
    noisy = draw.uniform(0.1, 0.8) * tone / np.abs(tone).max() + draw.normal(0.0, 0.03, time.size)
    return np.clip(noisy, -1.0, 1.0)

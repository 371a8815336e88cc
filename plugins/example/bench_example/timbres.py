"""Three timbres at many pitches: a data set that needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from bench.plugins import SPLITS, BenchError, Clip, Dataset, Listing, ProgressCallback, Split

LABELS = ("flute", "clarinet", "violin")
CLIPS: dict[Split, int] = {"train": 24, "validation": 8, "test": 8}
"""Clips of each class, by split."""


class Timbres(Dataset):
    """Tones of three timbres, a quarter of a second each, at pitches from 110 to 440 Hz with a little noise."""

    name: ClassVar[str] = "timbres"
    folder: ClassVar[str] = "timbres-v1"
    source: ClassVar[str] = "synthesised by this package"

    def labels(self) -> tuple[str, ...]:
        return LABELS

    def seconds(self) -> float:
        return 0.25

    def clips(self, root: Path) -> Listing:
        clips = tuple(clip for clip in _clips() if (root / clip.path).is_file())
        if not clips:
            raise BenchError(f"{root} holds no tones: delete it, and it is made again")
        missing = tuple(clip.path for clip in _clips() if clip not in clips)
        return Listing(clips, missing)

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        import soundfile

        from bench_example.tones import SAMPLE_RATE, tone

        clips = list(_clips())
        for number, clip in enumerate(clips):
            path = root / clip.path
            path.parent.mkdir(parents=True, exist_ok=True)
            # One seed a clip: the same bytes every time, in whatever order they are made.
            soundfile.write(path, tone(clip.label, self.seconds(), seed=number), SAMPLE_RATE)
            progress(number + 1, len(clips))


def _clips() -> Iterator[Clip]:
    for split in SPLITS:
        for label in LABELS:
            for number in range(CLIPS[split]):
                yield Clip(f"{split}/{label}/{number:02}.wav", label, split)

"""Audio Cats and Dogs (Moreaux, https://www.kaggle.com/datasets/mmoreaux/audio-cats-and-dogs)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.plugins import BenchError, Clip, Cut, Dataset, Listing, Scalar

FILE_NAME = re.compile(r"(?P<animal>cat|dog)_(?:barking_)?\d+\.wav")
COMPLETE = {"cat": 164, "dog": 113}


class AudioCatsAndDogs(Dataset):
    """277 files at 16 kHz, 1 to 20 s long: 164 of cats, 113 of dogs. Many are stretches of one recording that overlap.

    They come without an official split: 70 % train, 15 % validation and 15 % test by class, the same every time, with the
    files of one recording, which the harness finds by their sound, in one split. As they differ much in length, searches
    train on segments of a second, whose probabilities decide their clip together.
    """

    name: ClassVar[str] = "audio-cats-and-dogs"
    folder: ClassVar[str] = "audio-cats-and-dogs"
    group_noun: ClassVar[str] = "recordings"
    source: ClassVar[str] = "Moreaux, 2017; CC BY-SA 3.0; https://www.kaggle.com/datasets/mmoreaux/audio-cats-and-dogs"
    licence: ClassVar[str] = "CC-BY-SA-3.0"
    training: ClassVar[Mapping[str, Scalar]] = {"segment_seconds": 1.0}

    seed: int = Field(0, ge=0)
    """Seed of the split."""

    def labels(self) -> tuple[str, ...]:
        return tuple(COMPLETE)

    def seconds(self) -> float | None:
        return None

    def clips(self, root: Path) -> Listing:
        files = sorted((root / "cats_dogs").glob("*.wav"))
        matches = [match for path in files if (match := FILE_NAME.fullmatch(path.name))]
        if not matches:
            raise BenchError(f"{root / 'cats_dogs'} holds no file like cat_1.wav or dog_barking_1.wav: is {root} it?")
        listed = [Clip(f"cats_dogs/{match[0]}", match["animal"], "train", group=match[0]) for match in matches]
        animals = Counter(clip.label for clip in listed)
        lacking = [f"{animals[name]} of {count} {name}s" for name, count in COMPLETE.items() if animals[name] != count]
        incomplete = (f"this copy is incomplete: {', '.join(lacking)}",) if lacking else ()
        return Listing(tuple(listed), notes=incomplete, cut=Cut(seed=self.seed))

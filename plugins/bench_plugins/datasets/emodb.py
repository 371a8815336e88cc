"""The Berlin database of emotional speech (Burkhardt et al., 2005, http://emodb.bilderbar.info)."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from bench.plugins import BenchError, Clip, Dataset, Listing, Split, first_few

FILE_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[a-z]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z]?)\.wav")
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
"""Emotions by the sixth character of the file name."""
UTTERANCES = 535
SPEAKERS: dict[str, Split] = {"09": "validation", "11": "validation", "10": "test", "13": "test"}
"""A woman and a man each, who spoke every emotion; the six others are the training split."""


class EmoDB(Dataset):
    """535 utterances of ten sentences in seven emotions by ten actors.

    `split=speaker` leaves two speakers out for the test and two others for validation, so it measures unknown voices.
    `split=random` is the published one: within each emotion 70 % train (371 utterances), 15 % validation, the rest test; all
    speakers and sentences stand in all splits.
    """

    name: ClassVar[str] = "emodb"
    folder: ClassVar[str] = "emodb"
    group_noun: ClassVar[str] = "speakers"
    # Its archive is there over plain http alone, and nobody has published a checksum: nothing says that it is what it was.
    source: ClassVar[str] = "Burkhardt et al., Interspeech 2005; http://emodb.bilderbar.info/download/download.zip"

    split: Literal["speaker", "random"] = "speaker"
    """speaker: unknown voices; random: as published, by utterance within each emotion."""

    seed: int = Field(0, ge=0)
    """Seed of the random split."""

    def labels(self) -> tuple[str, ...]:
        return tuple(EMOTIONS.values())

    def seconds(self) -> float | None:
        return None

    def clips(self, root: Path) -> Listing:
        files = sorted((root / "wav").glob("*.wav"))
        named = [match for path in files if (match := FILE_NAME.fullmatch(path.name))]
        if not named:
            raise BenchError(f"{root / 'wav'} holds no file like 03a01Fa.wav: is {root} {self.folder}?")
        known = [match for match in named if match["emotion"] in EMOTIONS]
        clips = [
            Clip(
                path=f"wav/{match[0]}",
                label=EMOTIONS[match["emotion"]],
                split=SPEAKERS.get(match["speaker"], "train"),
                group=match["speaker"],
            )
            for match in known
        ]
        if self.split == "random":
            clips = _drawn(clips, self.seed)
        unknown = [f"{match[0]} ({match['emotion']})" for match in named if match["emotion"] not in EMOTIONS]
        return Listing(tuple(clips), notes=tuple(self._notes(files, clips, unknown)))

    def _notes(self, files: Sequence[Path], clips: Sequence[Clip], unknown: Sequence[str]) -> Iterator[str]:
        if unknown:
            yield f"left out for an unknown emotion letter (known: {', '.join(EMOTIONS)}): {first_few(unknown)}"
        if len(clips) != UTTERANCES:
            yield f"this copy is not complete: {len(clips)} of {UTTERANCES} utterances"
        if len(files) > 1 and len({path.stat().st_size for path in files}) == 1:
            yield "all files have one length, and the published utterances do not: somebody has cut or padded this copy"
        if self.split == "random":
            yield "speakers and sentences stand in all splits: to measure unknown voices, use option split=speaker"


def _drawn(clips: Iterable[Clip], seed: int) -> list[Clip]:
    """The published shares within each emotion: 70 % and 15 % rounded down, and the rest for the test."""
    of_label: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        of_label[clip.label].append(clip)
    drawn = []
    for label in sorted(of_label):
        shuffled = random.Random(f"{seed} {label}").sample(of_label[label], len(of_label[label]))
        train, validation = len(shuffled) * 70 // 100, len(shuffled) * 15 // 100
        sizes: dict[Split, int] = {
            "train": train,
            "validation": validation,
            "test": len(shuffled) - train - validation,
        }
        splits = [split for split, size in sizes.items() for _ in range(size)]
        drawn += [replace(clip, split=split) for clip, split in zip(shuffled, splits, strict=True)]
    return drawn

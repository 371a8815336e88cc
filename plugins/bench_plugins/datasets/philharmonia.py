"""Notes by the players of the Philharmonia Orchestra (https://philharmonia.co.uk/resources/sound-samples/)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.plugins import BenchError, Clip, Cut, Dataset, Listing

INSTRUMENTS = (
    "banjo",
    "bass clarinet",
    "bassoon",
    "cello",
    "clarinet",
    "contrabassoon",
    "cor anglais",
    "flute",
    "french horn",
    "guitar",
    "oboe",
    "saxophone",
    "trombone",
    "trumpet",
)


class Philharmonia(Dataset):
    """Single notes of fourteen instruments, cut into consecutive half-second clips.

    There is no official split: 70 % of the notes are train, 15 % validation and 15 % test, by instrument, the same every
    time. The clips of a note stay in one split; the same pitch played louder may stand in another.
    """

    name: ClassVar[str] = "philharmonia"
    folder: ClassVar[str] = "philharmonia"
    group_noun: ClassVar[str] = "notes"
    source: ClassVar[str] = "Philharmonia Orchestra; CC BY-SA 3.0; https://philharmonia.co.uk/resources/sound-samples/"
    licence: ClassVar[str] = "CC-BY-SA-3.0"

    clip_seconds: float = Field(0.5, gt=0)
    """Length of the clips that the notes are cut into, in seconds."""

    seed: int = Field(0, ge=0)
    """Seed of the split."""

    def labels(self) -> tuple[str, ...]:
        return INSTRUMENTS

    def seconds(self) -> float | None:
        return self.clip_seconds

    def cuts_recordings(self) -> bool:
        return True

    def clips(self, root: Path) -> Listing:
        listed = [
            Clip(path.relative_to(root).as_posix(), instrument, "train", group=path.name)
            for instrument in INSTRUMENTS
            for path in sorted((root / "all-samples" / instrument).glob("*.mp3"))
        ]
        if not listed:
            raise BenchError(
                f"{root / 'all-samples'} holds no mp3 of {INSTRUMENTS[0]} or another instrument in a folder of its name"
            )
        return Listing(tuple(listed), cut=Cut(seed=self.seed))

"""The Free Spoken Digit Dataset (Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar, Literal

from bench.plugins import Archive, BenchError, Clip, Dataset, Listing, Split, did_you_mean

FILE_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)\.wav")
SPEAKERS = 6
TAKES = 50


class FSDD(Dataset):
    """3,000 recordings of the ten digits at 8 kHz: six speakers, fifty takes each.

    `split=takes` is the official split: takes 0 to 4 of every speaker are the test split; of the other takes, 5 to 9 are
    validation here and the rest training. All speakers stand in all splits, so it measures known voices.
    `split=speaker` leaves one speaker out for the test and another for validation, so it measures an unknown voice;
    `--protocol leave-one-group-out` does so for every speaker in turn.
    """

    name: ClassVar[str] = "fsdd"
    folder: ClassVar[str] = "free-spoken-digit-dataset"
    # An archive that GitHub makes of a tag when asked: its bytes are not promised to stay, those of the recordings are.
    archive: ClassVar[Archive | None] = Archive(
        url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
        sha256=None,
        size=16_000_000,
        strip=1,
        files="recordings/*.wav",
        files_sha256="04e1baae96c6a26e39c623f2b01d0182ddae627ba0ac02a3cdc17ba2af99fd9b",
        unpacked=21_200_000,
    )
    group_noun: ClassVar[str] = "speakers"
    source: ClassVar[str] = (
        "Jackson et al., 2018, v1.0.10; CC BY-SA 4.0; https://github.com/Jakobovski/free-spoken-digit-dataset"
    )
    licence: ClassVar[str] = "CC-BY-SA-4.0"

    split: Literal["takes", "speaker"] = "takes"
    """takes: the official split, known speakers; speaker: one speaker for the test, one for validation, the others train."""

    test_speaker: str = "theo"
    """With split=speaker: the speaker left out for the test."""

    validation_speaker: str | None = None
    """With split=speaker: the speaker left out for validation; None: the one after the test speaker in the alphabet."""

    def labels(self) -> tuple[str, ...]:
        return tuple("0123456789")

    def clips(self, root: Path) -> Listing:
        matches = [
            match for path in sorted((root / "recordings").glob("*.wav")) if (match := FILE_NAME.fullmatch(path.name))
        ]
        if not matches:
            raise BenchError(f"{root / 'recordings'} holds no file like 7_jackson_32.wav: is {root} {self.folder}?")
        split_of = self._by_speaker(match["speaker"] for match in matches) if self.split == "speaker" else _by_take
        clips = tuple(
            Clip(f"recordings/{match[0]}", match["digit"], split_of(match), group=match["speaker"]) for match in matches
        )
        return Listing(clips, notes=_completeness(clips))

    def _by_speaker(self, names: Iterable[str]) -> Callable[[re.Match[str]], Split]:
        """Raises BenchError if a named speaker is not among those given, or both are the same."""
        speakers = sorted(set(names))
        for option, name in (("test_speaker", self.test_speaker), ("validation_speaker", self.validation_speaker)):
            if name is not None and name not in speakers:
                raise BenchError(
                    f"{self.name} has no speaker {name!r} (option {option}): {did_you_mean(name, speakers)}"
                )
        following = speakers[(speakers.index(self.test_speaker) + 1) % len(speakers)]
        validation = self.validation_speaker if self.validation_speaker is not None else following
        if validation == self.test_speaker:
            raise BenchError(
                f"{self.name}: {validation!r} cannot be both test_speaker and validation_speaker: name two"
            )
        roles: dict[str, Split] = {self.test_speaker: "test", validation: "validation"}
        return lambda match: roles.get(match["speaker"], "train")


def _by_take(match: re.Match[str]) -> Split:
    take = int(match["take"])
    if take < 5:
        return "test"
    return "validation" if take < 10 else "train"


def _completeness(clips: Iterable[Clip]) -> tuple[str, ...]:
    """A line for every speaker with fewer than fifty takes of each digit, and one where speakers are missing."""
    takes = Counter(clip.group for clip in clips)
    notes = [
        f"this copy is incomplete: {count} of {10 * TAKES} recordings by {speaker}"
        for speaker, count in takes.items()
        if count < 10 * TAKES
    ]
    if len(takes) < SPEAKERS:
        notes.append(f"this copy is incomplete: {len(takes)} of {SPEAKERS} speakers")
    return tuple(notes)

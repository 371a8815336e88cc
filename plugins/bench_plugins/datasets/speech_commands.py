"""Speech Commands (Warden, 2018, arXiv:1804.03209): four tasks over the two releases, on the official split lists.

`testing_list.txt` and `validation_list.txt` name the test and validation clips; every other clip is training data. The
lists keep each speaker (the hash before `_nohash_`) in one split.
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from bench.plugins import SPLITS, Archive, BenchError, Clip, Dataset, Listing, Split, stratified_split

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
AUXILIARY = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")
SINCE_V2 = ("backward", "follow", "forward", "learn", "visual")
THIRTY = tuple(sorted(DIGITS + COMMANDS + AUXILIARY))
THIRTY_FIVE = tuple(sorted(THIRTY + SINCE_V2))

SILENCE, UNKNOWN = "_silence_", "_unknown_"
NOISE_FOLDER = "_background_noise_"

SOURCE = "Warden, 2018, arXiv:1804.03209; CC BY 4.0; https://www.tensorflow.org/datasets/catalog/speech_commands"

# Sizes are the server's; the checksums are those that torchaudio and TensorFlow Datasets check as well.
ARCHIVE_V1 = Archive(
    url="http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
    sha256="743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    size=1_489_096_277,
    unpacked=2_100_000_000,
)
ARCHIVE_V2 = Archive(
    url="http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    size=2_428_923_189,
    unpacked=3_500_000_000,
)


@dataclass(frozen=True)
class OfficialLists:
    """The names (`word/speaker_nohash_n.wav`) that the two lists hold. Works on names alone."""

    testing: frozenset[str]
    validation: frozenset[str]

    @classmethod
    def read(cls, testing: Path, validation: Path) -> OfficialLists:
        """Raises BenchError where a list is not there: without it, the split would not be the official one."""
        return cls(_names(testing), _names(validation))

    def split(self, name: str) -> Split:
        """The split that a clip belongs to."""
        if name in self.testing:
            return "test"
        return "validation" if name in self.validation else "train"

    def named(self) -> frozenset[str]:
        """Every name on either list."""
        return self.testing | self.validation


class SpeechCommands(Dataset):
    """One-second recordings of single words at 16 kHz by a few thousand speakers; group: the speaker."""

    noise_folder: ClassVar[str | None] = NOISE_FOLDER
    group_noun: ClassVar[str] = "speakers"
    source: ClassVar[str] = SOURCE
    licence: ClassVar[str] = "CC-BY-4.0"
    words: ClassVar[tuple[str, ...]]
    """The words of the task, in the order of the report."""
    official: ClassVar[Mapping[Split, int]]
    """Clips of each split in the complete release."""

    def labels(self) -> tuple[str, ...]:
        return self.words

    def clips(self, root: Path) -> Listing:
        lists = OfficialLists.read(root / "testing_list.txt", root / "validation_list.txt")
        clips = spoken(_recordings(root, self.words), lists)
        if not clips:
            raise BenchError(f"{root} holds no recording of {self.words[0]!r} or another word: is it {self.folder}?")
        return Listing(tuple(clips), _missing(root, lists, filter(self.takes, self.words)), self._completeness(clips))

    def _completeness(self, clips: Sequence[Clip]) -> tuple[str, ...]:
        """A line with the numbers of each split, where they are not those of the complete release."""
        counts = Counter(clip.split for clip in clips)
        if all(counts[split] == self.official[split] for split in SPLITS):
            return ()
        what = "incomplete" if any(counts[split] < self.official[split] for split in SPLITS) else "not the official one"
        numbers = ", ".join(f"{split} {counts[split]} of {self.official[split]} clips" for split in SPLITS)
        return (f"this copy of {self.folder} is {what} for {self.name}: {numbers}",)


class SpeechCommandsDigits(SpeechCommands):
    """The ten digits of Speech Commands v0.01, official split: the task of the published digit networks."""

    name: ClassVar[str] = "speechcommands-digits"
    folder: ClassVar[str] = "speech_commands_v0.01"
    archive: ClassVar[Archive | None] = ARCHIVE_V1
    words: ClassVar[tuple[str, ...]] = DIGITS
    official: ClassVar[Mapping[Split, int]] = {"train": 18_620, "validation": 2_494, "test": 2_552}


class SpeechCommands30(SpeechCommands):
    """All thirty words of Speech Commands v0.01.

    `split=official` is by speaker. `split=random` is that of the published words system: 60 % train, 20 % validation and
    20 % test within each word, so that speakers stand in several splits.
    """

    name: ClassVar[str] = "speechcommands-30"
    folder: ClassVar[str] = "speech_commands_v0.01"
    archive: ClassVar[Archive | None] = ARCHIVE_V1
    words: ClassVar[tuple[str, ...]] = THIRTY
    official: ClassVar[Mapping[Split, int]] = {"train": 51_088, "validation": 6_798, "test": 6_835}

    split: Literal["official", "random"] = "official"
    """official: unknown voices; random: as published, by clip within each word."""

    seed: int = Field(0, ge=0)
    """Seed of the random split."""

    def clips(self, root: Path) -> Listing:
        listing = super().clips(root)
        if self.split == "official":
            return listing
        names, words = [clip.path for clip in listing.clips], [clip.label for clip in listing.clips]
        splits = stratified_split(names, words, validation=0.2, test=0.2, seed=self.seed)
        clips = tuple(replace(clip, split=split) for clip, split in zip(listing.clips, splits, strict=True))
        note = "speakers stand in all splits: to measure unknown voices, use option split=official"
        return replace(listing, clips=clips, notes=(*listing.notes, note))

    def _completeness(self, clips: Sequence[Clip]) -> tuple[str, ...]:
        """The official numbers of each split say nothing of those of a random one."""
        complete = sum(self.official.values())
        if self.split == "official" or len(clips) == complete:
            return super()._completeness(clips)
        return (f"this copy of {self.folder} is not the official one: {len(clips):,} of {complete:,} clips",)


class SpeechCommands35(SpeechCommands):
    """All thirty-five words of Speech Commands v0.02, official split."""

    name: ClassVar[str] = "speechcommands-35"
    folder: ClassVar[str] = "speech_commands_v0.02"
    archive: ClassVar[Archive | None] = ARCHIVE_V2
    words: ClassVar[tuple[str, ...]] = THIRTY_FIVE
    official: ClassVar[Mapping[Split, int]] = {"train": 84_843, "validation": 9_981, "test": 11_005}


class SpeechCommands12(SpeechCommands):
    """Ten commands of Speech Commands v0.02, with silence and unknown words, official split.

    `_silence_` and `_unknown_` are made as TensorFlow's input_data.py makes them: each has a tenth of the clips that the
    commands have in the split, rounded up, so that the official test split has 4,890 clips.
    Unknown words are drawn, with a fixed seed, from the other twenty-five words of the same split. Silence is one-second
    cuts of the background-noise recordings; each split cuts a stretch of its own (the first 80 %, the next 10 %, the last
    10 % of every recording), so no sound of a test cut is in a training cut. The noise augmentation draws from the whole
    recordings, as the original program does.
    """

    name: ClassVar[str] = "speechcommands-12"
    folder: ClassVar[str] = "speech_commands_v0.02"
    archive: ClassVar[Archive | None] = ARCHIVE_V2
    words: ClassVar[tuple[str, ...]] = COMMANDS
    official: ClassVar[Mapping[Split, int]] = {"train": 36_923, "validation": 4_445, "test": 4_890}

    def labels(self) -> tuple[str, ...]:
        return (SILENCE, UNKNOWN, *self.words)  # the original program's order

    def clips(self, root: Path) -> Listing:
        commands = super().clips(root)
        lists = OfficialLists.read(root / "testing_list.txt", root / "validation_list.txt")
        others = tuple(word for word in THIRTY_FIVE if word not in self.words)
        pool = spoken(_recordings(root, others), lists)
        noise = _noise_lengths(root)
        share = {split: math.ceil(sum(clip.split == split for clip in commands.clips) / 10) for split in SPLITS}
        clips = (
            *commands.clips,
            *(clip for split in SPLITS for clip in unknown(pool, split, share[split])),
            *(clip for split in SPLITS for clip in silence(noise, split, share[split])),
        )
        taken = (word for word in THIRTY_FIVE if self.takes(word if word in self.words else UNKNOWN))
        return Listing(clips, _missing(root, lists, taken), self._completeness(clips))


DATASETS: tuple[type[Dataset], ...] = (SpeechCommandsDigits, SpeechCommands30, SpeechCommands35, SpeechCommands12)


def spoken(names: Iterable[str], lists: OfficialLists) -> list[Clip]:
    """A clip for every name `word/speaker_nohash_n.wav`, labelled with its word."""
    return [Clip(name, name.split("/")[0], lists.split(name), group=_speaker(name)) for name in names]


def unknown(pool: Iterable[Clip], split: Split, count: int) -> list[Clip]:
    """`count` clips of a split, or all that there are, relabelled. Which ones depends on the names alone.

    The seed is the original program's; its draw is not, as it shuffles names in the order of its file system.
    """
    candidates = sorted((clip for clip in pool if clip.split == split), key=lambda clip: clip.path)
    drawn = random.Random(59185).sample(candidates, min(count, len(candidates)))
    return [Clip(clip.path, UNKNOWN, split, group=clip.group) for clip in sorted(drawn, key=lambda clip: clip.path)]


def silence(lengths: Mapping[str, float], split: Split, count: int) -> list[Clip]:
    """`count` one-second cuts, spread evenly over the split's stretch of every noise recording; group: the stretch.

    `lengths` are seconds by path. Neighbouring cuts overlap (official copies have about 400 s of noise for 3,856 cuts).
    Fewer cuts are made where the stretches do not have that many starts, one every 10 ms.
    """
    low, high = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}[split]
    starts = [
        (path, start)
        for path, seconds in sorted(lengths.items())
        for start in range(math.ceil(low * seconds * 100), math.floor(high * seconds * 100) - 100 + 1)
    ]
    count = min(count, len(starts))
    return [
        Clip(path, SILENCE, split, group=f"{path} ({split} part)", start=start / 100, end=(start + 100) / 100)
        for path, start in (starts[i * len(starts) // count] for i in range(count))
    ]


def _names(listing: Path) -> frozenset[str]:
    if not listing.is_file():
        raise BenchError(f"{listing} is not there: it is part of the data set and says which clips are which split's")
    lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    return frozenset(line.strip() for line in lines if line.strip())


def _recordings(root: Path, words: Iterable[str]) -> list[str]:
    """Names of the recordings that are there, sorted within each word."""
    return [
        f"{word}/{file}"
        for word in words
        if (root / word).is_dir()
        for file in sorted(os.listdir(root / word))  # noqa: PTH208 (100,000 Path objects would cost a second)
        if file.endswith(".wav") and not file.startswith(".")
    ]


def _missing(root: Path, lists: OfficialLists, words: Iterable[str]) -> tuple[str, ...]:
    """Names of these words that the lists hold and the folder does not."""
    chosen = frozenset(words)
    listed = {name for name in lists.named() if name.split("/")[0] in chosen}
    return tuple(sorted(listed.difference(_recordings(root, chosen))))


def _speaker(name: str) -> str:
    return Path(name).name.partition("_nohash_")[0]


def _noise_lengths(root: Path) -> dict[str, float]:
    """Seconds of every noise recording, from its file's size (16-bit mono at 16 kHz): a listing opens no audio.

    Raises BenchError where there are none, as `_silence_` is cut from them.
    """
    recordings = sorted((root / NOISE_FOLDER).glob("*.wav"))
    if not recordings:
        raise BenchError(
            f"{root / NOISE_FOLDER} holds no recording, and _silence_ is cut from them: fetch a whole copy"
        )
    return {f"{NOISE_FOLDER}/{path.name}": (path.stat().st_size - 44) / 32000 for path in recordings}

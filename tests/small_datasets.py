"""Small stand-ins of official data sets, written in their official layout."""

from __future__ import annotations

import wave
import zlib
from pathlib import Path

import numpy as np

from bench_plugins.datasets.speech_commands import THIRTY_FIVE

SPEECH_COMMANDS_SPEAKERS = {"train": ("0a", "0b", "0c", "0d"), "validation": ("1a",), "test": ("2a", "2b")}
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def write_wav(path: Path, *, seconds: float) -> None:
    """White noise, another for every path, 16-bit mono at 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(zlib.crc32("/".join(path.parts[-2:]).encode())).integers(
        -2000, 2000, int(seconds * 16000), dtype=np.int16
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def speech_commands(root: Path) -> Path:
    """Every word of v0.02 (v0.01's are among them) by seven speakers, the two lists, and two 30 s noise recordings."""
    lists: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for word in THIRTY_FIVE:
        for split, speakers in SPEECH_COMMANDS_SPEAKERS.items():
            for speaker in speakers:
                name = f"{word}/{speaker}_nohash_0.wav"
                write_wav(root / name, seconds=0.1)
                lists[split].append(name)
    (root / "testing_list.txt").write_text("\n".join(lists["test"]) + "\n")
    (root / "validation_list.txt").write_text("\n".join(lists["validation"]) + "\n")
    write_wav(root / "_background_noise_" / "pink_noise.wav", seconds=30)
    write_wav(root / "_background_noise_" / "running_tap.wav", seconds=30)
    (root / "_background_noise_" / "README.md").write_text("no audio")
    return root


def fsdd(root: Path) -> Path:
    """The file names of the complete data set, without audio, since a listing opens none."""
    recordings = root / "recordings"
    recordings.mkdir(parents=True)
    for digit in range(10):
        for speaker in FSDD_SPEAKERS:
            for take in range(50):
                (recordings / f"{digit}_{speaker}_{take}.wav").touch()
    (recordings / "README.md").touch()
    return root


def cats_dogs(root: Path) -> Path:
    """The file names of the complete data set, without audio."""
    for animal, count in (("cat", 164), ("dog_barking", 113)):
        for number in range(count):
            path = root / "cats_dogs" / f"{animal}_{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (root / "cats_dogs" / "notes.txt").touch()
    return root


EMODB_COUNTS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
EMODB_SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")


def emodb(root: Path) -> Path:
    """535 names with the official number of each emotion, spread over the ten speakers; files of unequal length."""
    (root / "wav").mkdir(parents=True)
    for emotion, count in EMODB_COUNTS.items():
        for number in range(count):
            speaker = EMODB_SPEAKERS[number % 10]
            name = f"{speaker}a{number // 10 + 1:02d}{emotion}{'abcdefghij'[number % 10]}.wav"
            (root / "wav" / name).write_bytes(b" " * (1 + number))
    return root


def philharmonia(root: Path) -> Path:
    """Twenty notes of every instrument, names alone."""
    from bench_plugins.datasets.philharmonia import INSTRUMENTS

    for instrument in INSTRUMENTS:
        folder = root / "all-samples" / instrument
        folder.mkdir(parents=True)
        for pitch in range(20):
            (folder / f"{instrument.replace(' ', '-')}_A{pitch}_1_forte_normal.mp3").touch()
    return root


def esc(root: Path) -> Path:
    """The official table: forty clips of fifty classes in five folds, each recording's clips in one of them."""
    from bench_plugins.datasets.esc import FIFTY, TEN

    (root / "meta").mkdir(parents=True)
    (root / "audio").mkdir()
    lines = ["filename,fold,category,esc10,src_file,take"]
    for number_of_class, name in enumerate(FIFTY):
        for number in range(40):
            fold, source = number % 5 + 1, 1000 * number_of_class + number % 20
            file = f"{fold}-{source}-{'AB'[number // 20]}-{number_of_class}.wav"
            (root / "audio" / file).touch()
            lines.append(f"{file},{fold},{name},{name in TEN},{source},A")
    (root / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    return root

"""Little copies of official data sets, made on the spot in the official layout."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from bench_plugins.datasets.speech_commands import THIRTY_FIVE

SPEECH_COMMANDS_SPEAKERS = {"train": ("0a", "0b", "0c", "0d"), "validation": ("1a",), "test": ("2a", "2b")}
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def write_wav(path: Path, *, seconds: float) -> None:
    """White noise, 16-bit mono at 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).integers(-2000, 2000, int(seconds * 16000), dtype=np.int16)
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
    """The names of a complete copy, without audio: a listing opens none."""
    recordings = root / "recordings"
    recordings.mkdir(parents=True)
    for digit in range(10):
        for speaker in FSDD_SPEAKERS:
            for take in range(50):
                (recordings / f"{digit}_{speaker}_{take}.wav").touch()
    (recordings / "README.md").touch()
    return root

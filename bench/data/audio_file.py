"""From an audio file to int16 samples: the only place that opens audio.

Files are read with soundfile (libsndfile: wav, flac, ogg, mp3, aiff and more, in any sample format), mixed to mono by the
mean of the channels, and resampled with soxr's HQ setting. The same file gives the same samples every time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HEADERLESS = ".raw"
"""The ending at which soundfile wants to be told the format, whatever the file holds."""

SHORTEST = 0.01
"""Seconds; a clip below this holds no sound that could be recognised."""

UNKNOWN_SIZE = 0xFFFFFFFF
"""What programs that write to a pipe leave in a RIFF header, since they cannot go back to it."""

Suspicion = Literal["silent", "very short"]


class UnreadableClip(Exception):
    """The file, or this stretch of it, gives no usable audio; the message says why in a few words."""


@dataclass(frozen=True)
class Recording:
    """A decoded file: mono samples in -1..1 at the file's own rate, [frames]."""

    waveform: NDArray[np.float32]
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate

    def stretch(self, start: float = 0.0, end: float | None = None) -> Recording:
        """The part from `start` to `end` seconds, or to the end of the file. Raises UnreadableClip where it is empty."""
        first = round(start * self.sample_rate)
        last = len(self.waveform) if end is None else round(end * self.sample_rate)
        part = self.waveform[first:last]
        if not len(part):
            raise UnreadableClip(f"nothing at {start:g} s: the file lasts {self.seconds:g} s")
        return Recording(part, self.sample_rate)

    def suspicion(self) -> Suspicion | None:
        """What a person should be told: it has no sound at all in 16 bits, or it is shorter than 10 ms."""
        if self.seconds < SHORTEST:
            return "very short"
        return None if to_int16(self.waveform).any() else "silent"

    def at(self, sample_rate: int) -> NDArray[np.int16]:
        """The samples at another rate, [frames * sample_rate / own rate]."""
        if sample_rate == self.sample_rate:
            return to_int16(self.waveform)
        import soxr

        return to_int16(soxr.resample(self.waveform, self.sample_rate, sample_rate, quality="HQ"))


def read_clip(path: Path, *, sample_rate: int, start: float = 0.0, end: float | None = None) -> NDArray[np.int16]:
    """One clip as mono int16 samples, [samples]. Raises UnreadableClip."""
    return decode(path).stretch(start, end).at(sample_rate)


def decode(path: Path) -> Recording:
    """A whole file. Raises UnreadableClip where it cannot be read, is empty, is cut short, or holds NaN or infinity.

    An ogg file, and an mp3 file without a Xing or Info header, promise no length: cut short, they are taken as they are.
    """
    import soundfile

    if path.suffix.lower() == HEADERLESS:
        raise UnreadableClip("raw samples say neither their rate nor their format: convert it to wav")
    try:
        _check_size(path)
        with soundfile.SoundFile(path) as file:
            promised, rate, kind = file.frames, file.samplerate, file.format
            channels = file.read(dtype="float32", always_2d=True)
    except OSError as error:
        raise UnreadableClip(error.strerror or str(error)) from error
    except soundfile.LibsndfileError as error:
        raise UnreadableClip(error.error_string.removeprefix("Error : ").strip().rstrip(".")) from error
    if not len(channels):
        raise UnreadableClip("empty: no samples")
    if len(channels) < promised and (kind != "MP3" or _mp3_says_its_length(path)):
        raise UnreadableClip(f"truncated: {len(channels)} of {promised} samples are there")
    waveform = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    if not np.isfinite(waveform).all():
        raise UnreadableClip("holds values that are not numbers (NaN or infinity)")
    return Recording(waveform, rate)


def header_seconds(path: Path) -> float | None:
    """Length by the file's header, without decoding; None where it has none to read."""
    import soundfile

    if path.suffix.lower() == HEADERLESS:
        return None
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.LibsndfileError):
        return None


def to_int16(waveform: NDArray[np.float32]) -> NDArray[np.int16]:
    """Rounded and clipped; 16-bit files come through unchanged."""
    scaled = np.rint(waveform * np.float32(32768))
    samples: NDArray[np.int16] = scaled.clip(-32768, 32767).astype(np.int16)
    return samples


def _mp3_says_its_length(path: Path) -> bool:
    """Whether the first frame, after any ID3v2 tag, is the Xing or Info header that holds the number of frames; without it,
    libsndfile guesses from the file's size, tags and pictures included."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # size: four bytes of seven bits
            file.seek(10 + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10]))))
        else:
            file.seek(0)
        frame = file.read(200)
    return b"Xing" in frame or b"Info" in frame


def _check_size(path: Path) -> None:
    """Raises UnreadableClip on a file without bytes, and where the sound chunk of a wav or aiff file promises more bytes
    than the file has: libsndfile reads such files without complaint."""
    size = path.stat().st_size
    if not size:
        raise UnreadableClip("empty: 0 bytes")
    with path.open("rb") as file:
        form = file.read(12)
        if form[:4] not in (b"RIFF", b"FORM"):
            return
        order: Literal["little", "big"] = "little" if form[:4] == b"RIFF" else "big"
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[4:], order)
            if head[:4] not in (b"data", b"SSND"):
                file.seek(length + length % 2, os.SEEK_CUR)  # chunks begin at even positions
                continue
            there = size - file.tell()
            if length > there and length != UNKNOWN_SIZE:
                raise UnreadableClip(f"truncated: {there} of {length} bytes of sound are there")
            return

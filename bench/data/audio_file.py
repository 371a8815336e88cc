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
"""The file name ending for which soundfile asks the caller for the format, whatever the file holds."""

SHORTEST = 0.01
"""Seconds below which a clip holds no sound that could be recognised."""

UNKNOWN_SIZE = 0xFFFFFFFF
"""Length that programs leave in a RIFF header when they write to a pipe, since they cannot go back to it."""

Suspicion = Literal["silent", "very short"]


class UnreadableClip(Exception):
    """A file, or a stretch of it, holds no usable audio; the message says why in a few words."""


@dataclass(frozen=True)
class Recording:
    """A decoded file: mono samples in -1..1 at the file's own rate, [frames]."""

    waveform: NDArray[np.float32]
    sample_rate: int
    channels: int = 1
    """Channels of the file."""

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.waveform) / self.sample_rate

    def stretch(self, start: float = 0.0, end: float | None = None) -> Recording:
        """Cuts out the part from `start` to `end` seconds, or to the end of the file.

        Raises:
            UnreadableClip: the part is empty.
        """
        first = round(start * self.sample_rate)
        last = len(self.waveform) if end is None else round(end * self.sample_rate)
        part = self.waveform[first:last]
        if not len(part):
            raise UnreadableClip(f"nothing at {start:g} s: the file lasts {self.seconds:g} s")
        return Recording(part, self.sample_rate, self.channels)

    def suspicion(self) -> Suspicion | None:
        """Tells whether the recording is silent in 16 bits or shorter than 10 ms, which a user should know."""
        if self.seconds < SHORTEST:
            return "very short"
        return None if to_int16(self.waveform).any() else "silent"

    def at(self, sample_rate: int) -> NDArray[np.int16]:
        """Resamples to another rate: int16 [frames * sample_rate / own rate]."""
        return to_int16(self.resampled(sample_rate))

    def resampled(self, sample_rate: int) -> NDArray[np.float32]:
        """Resamples to another rate without rounding: float32 [frames * sample_rate / own rate]."""
        if sample_rate == self.sample_rate:
            return self.waveform
        import soxr

        resampled: NDArray[np.float32] = soxr.resample(self.waveform, self.sample_rate, sample_rate, quality="HQ")
        return resampled


def decode(path: Path) -> Recording:
    """Decodes a whole audio file.

    An ogg file, or an mp3 file without a Xing or Info header, states no length, so a truncated one is not noticed.

    Raises:
        UnreadableClip: the file cannot be read, is empty, is truncated, or holds NaN or infinity.
    """
    import soundfile

    if path.suffix.lower() == HEADERLESS:
        raise UnreadableClip("raw samples say neither their rate nor their format: convert it to wav")
    try:
        _check_size(path)
        with soundfile.SoundFile(path) as file:
            stated, rate, kind = file.frames, file.samplerate, file.format
            channels = file.read(dtype="float32", always_2d=True)
    except OSError as error:
        raise UnreadableClip(error.strerror or str(error)) from error
    except soundfile.LibsndfileError as error:
        raise UnreadableClip(error.error_string.removeprefix("Error : ").strip().rstrip(".")) from error
    if not len(channels):
        raise UnreadableClip("empty: no samples")
    if len(channels) < stated and (kind != "MP3" or _mp3_states_its_length(path)):
        raise UnreadableClip(f"truncated: {len(channels)} of {stated} samples are there")
    waveform = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    if not np.isfinite(waveform).all():
        raise UnreadableClip("holds values that are not numbers (NaN or infinity)")
    return Recording(waveform, rate, channels.shape[1])


def header_seconds(path: Path) -> float | None:
    """Reads the length in seconds from the file's header, without decoding; None if there is no readable header."""
    import soundfile

    if path.suffix.lower() == HEADERLESS:
        return None
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.LibsndfileError):
        return None


def to_int16(waveform: NDArray[np.float32]) -> NDArray[np.int16]:
    """Converts float samples in -1..1 to int16 by rounding and clipping; 16-bit files come through unchanged."""
    scaled = np.rint(waveform * np.float32(32768))
    samples: NDArray[np.int16] = scaled.clip(-32768, 32767).astype(np.int16)
    return samples


def _mp3_states_its_length(path: Path) -> bool:
    """Whether the first frame, after any ID3v2 tag, is the Xing or Info header that holds the number of frames.

    Without that header, libsndfile guesses the number from the file's size, tags and pictures included.
    """
    with path.open("rb") as file:
        tag = file.read(10)
        if tag[:3] == b"ID3":  # its size is four bytes of seven bits
            file.seek(10 + sum(byte << 7 * position for position, byte in enumerate(reversed(tag[6:10]))))
        else:
            file.seek(0)
        frame = file.read(200)
    return b"Xing" in frame or b"Info" in frame


def _check_size(path: Path) -> None:
    """Raises UnreadableClip for an empty file, and for a wav or aiff file whose sound chunk states more bytes than it has.

    libsndfile reads such files without complaint.
    """
    size = path.stat().st_size
    if not size:
        raise UnreadableClip("empty: 0 bytes")
    with path.open("rb") as file:
        file_header = file.read(12)
        if file_header[:4] not in (b"RIFF", b"FORM"):
            return
        order: Literal["little", "big"] = "little" if file_header[:4] == b"RIFF" else "big"
        while len(chunk_header := file.read(8)) == 8:
            length = int.from_bytes(chunk_header[4:], order)
            if chunk_header[:4] not in (b"data", b"SSND"):
                file.seek(length + length % 2, os.SEEK_CUR)  # chunks begin at even positions
                continue
            present = size - file.tell()
            if length > present and length != UNKNOWN_SIZE:
                raise UnreadableClip(f"truncated: {present} of {length} bytes of sound are there")
            return

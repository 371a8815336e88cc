"""From an audio file to int16 samples: the only place that opens audio.

Files are read with soundfile (libsndfile: wav, flac, ogg, mp3, aiff and more, in any sample format), mixed to mono by the
mean of the channels, and resampled with soxr's HQ setting. The same file gives the same samples every time.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bench.data.audio_headers import TruncatedSound, check_header
from bench.data.file_contents import describe_contents
from bench.data.quiet_decoders import quiet_decoders
from bench.data.sound_levels import Change, mixed_down, rescaled

if TYPE_CHECKING:
    import soundfile

HEADERLESS = ".raw"
"""The file name ending for which soundfile asks the caller for the format, whatever the file holds."""

SHORTEST = 0.01
"""Seconds below which a clip holds no sound that could be recognised."""

MOST_STATED = 1 << 28
"""Samples above which a header's word is not taken for how much memory to reserve."""
READ_AT_ONCE = 1 << 20
"""Samples that are read at once where the header does not say how many there are."""
UNKNOWN_FRAMES = 1 << 40
"""Samples that no file has: libsndfile's word for a length that the file does not state."""

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
    changes: tuple[Change, ...] = ()
    """What had to be mended on the way from the file, see `bench.data.sound_levels`."""

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
        return Recording(part, self.sample_rate, self.channels, self.changes)

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
    if path.suffix.lower() == HEADERLESS:
        raise UnreadableClip("raw samples say neither their rate nor their format: convert it to wav")
    try:
        with quiet_decoders():
            return _decode(path)
    except (UnreadableClip, TruncatedSound) as error:
        raise UnreadableClip(str(error)) from error
    except OSError as error:
        raise UnreadableClip(error.strerror or str(error)) from error
    except (
        UnicodeEncodeError
    ) as error:  # soundfile's, of the lone surrogates that Python has for a name in another encoding
        raise UnreadableClip("its name is not in UTF-8: rename it, or all at once with convmv") from error
    except Exception as error:  # whatever a decoder raises is said of its file
        said = getattr(error, "error_string", None) or f"{type(error).__name__}: {error}"
        words = " ".join(said.removeprefix("Error : ").split()).rstrip(".")
        if words.startswith("File does not exist"):  # what libsndfile says of a broken MP3, and the file is there
            words = "no sound could be decoded"
        raise UnreadableClip(describe_contents(path) or words) from error


def _decode(path: Path) -> Recording:
    import soundfile

    size = _size_of_file(path)
    repair = check_header(path, size)
    with soundfile.SoundFile(path if repair is None else repair.source(path)) as file:
        stated, rate, kind, subtype = file.frames, file.samplerate, file.format, file.subtype
        if kind == "FLAC" and stated >= UNKNOWN_FRAMES:  # soundfile seeks after it reads, which libsndfile then cannot
            raise UnreadableClip("states no length, as from a pipe: write it anew, by flac or ffmpeg to a file")
        channels = _read_all(file)
    if not len(channels):
        raise UnreadableClip("empty: no samples")
    estimated = kind == "MP3" and not _mp3_states_its_length(path)
    # Of MP3 in a wav, the padding of the codec is counted in the header and dropped from the sound.
    known = repair is None and stated < UNKNOWN_FRAMES and not estimated and not subtype.startswith("MPEG_LAYER")
    if len(channels) < stated and (known or (kind == "MP3" and not estimated)):
        raise UnreadableClip(f"truncated: {len(channels)} of {stated} samples are there")
    unit: Change | None = None
    if subtype in ("FLOAT", "DOUBLE"):
        channels, unit = rescaled(channels)
    waveform, mixed = mixed_down(channels)
    if not np.isfinite(waveform).all():
        raise UnreadableClip("holds values that are not numbers (NaN or infinity)")
    changes: tuple[Change | None, ...] = ("header" if repair is not None else None, unit, mixed)
    return Recording(waveform, rate, channels.shape[1], tuple(change for change in changes if change is not None))


def header_seconds(path: Path) -> float | None:
    """Reads the length in seconds from the file's header, without decoding; None if there is no readable header."""
    import soundfile

    if path.suffix.lower() == HEADERLESS:
        return None
    try:
        _size_of_file(path)
        with quiet_decoders():
            return float(soundfile.info(path).duration)
    except Exception:  # what is wrong with the file is said where it is decoded
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


def _size_of_file(path: Path) -> int:
    """Bytes of a file. Raises UnreadableClip for an empty one, and for what is no file: to open a FIFO waits for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableClip(f"is no file but a {_kind_of(status.st_mode)}")
    if not status.st_size:
        raise UnreadableClip("empty: 0 bytes")
    return status.st_size


def _kind_of(mode: int) -> str:
    kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "FIFO", stat.S_ISSOCK: "socket"}
    return next((kind for is_it, kind in kinds.items() if is_it(mode)), "device")


def _read_all(file: soundfile.SoundFile) -> NDArray[np.float32]:
    """Reads all samples that are there, float32 [samples, channels], as many as the header states or not."""
    if file.seekable() and file.frames <= MOST_STATED:
        samples: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
        return samples
    blocks = [np.zeros((0, file.channels), np.float32)]
    while len(block := file.read(READ_AT_ONCE, dtype="float32", always_2d=True)):
        blocks.append(block)
    return np.concatenate(blocks)

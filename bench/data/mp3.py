"""Sends sound through an MP3 encoder and back, in memory."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Sample rates in Hz that MP3 has; a waveform of another is resampled to the next and back."""
MP3_DELAY = 1105
"""Samples that LAME and its decoder put before the sound. The decoder drops them if the file says so, which it does not at
low rates of bits."""


def through_mp3(waveform: NDArray[np.float32], sample_rate: int, *, kbits: float) -> NDArray[np.float32]:
    """Encodes a waveform as MP3 and decodes it again.

    Args:
        waveform: float32 [samples], clipped to -1..1.
        sample_rate: Its rate in Hz.
        kbits: Kilobits a second, constant; the nearest that the rate allows is taken.

    Returns:
        float32 [samples], as long as it was or a little shorter, with every sound where it was.
    """
    import soundfile
    import soxr

    codec_rate = min((known for known in MP3_RATES if known >= sample_rate), default=MP3_RATES[-1])
    given = waveform if codec_rate == sample_rate else soxr.resample(waveform, sample_rate, codec_rate)
    # libsndfile spreads its level from 0 to 1 over the rates of bits that MPEG-1, 2 or 2.5 has, and refuses 1 itself.
    highest, lowest = (320, 32) if codec_rate >= 32000 else (160, 8) if codec_rate >= 16000 else (64, 8)
    level = min((highest - kbits) / (highest - lowest), 0.999)
    file = io.BytesIO()
    soundfile.write(
        file,
        np.clip(given, -1, 1),
        codec_rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=level,
        bitrate_mode="CONSTANT",
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    decoded = decoded[MP3_DELAY if len(decoded) > len(given) else 0 :][: len(given)]
    back = decoded if codec_rate == sample_rate else soxr.resample(decoded, codec_rate, sample_rate)
    return np.asarray(back[: len(waveform)], dtype=np.float32)

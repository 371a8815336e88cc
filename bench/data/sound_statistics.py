"""What a user should know of a clip's sound: its rate, its channels, how loud it is, whether it is clipped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.data.audio_file import Recording

CLIPPING_LEVEL = 32767 / 32768
CLIPPED_RUN = 3
"""Consecutive samples at full scale by which a clip counts as clipped. A peak that just reaches it has fewer."""


@dataclass(frozen=True, slots=True)
class SoundStatistics:
    """Of one clip."""

    sample_rate: int
    channels: int
    level: float
    """Root mean square in dB of full scale, 0 or less; minus infinity if there is no sound at all."""
    clipped: bool
    """Whether CLIPPED_RUN or more consecutive samples stand at full scale."""


def sound_statistics(recording: Recording) -> SoundStatistics:
    """Measures a recording, which has at least one sample."""
    power = float(np.mean(np.square(recording.waveform), dtype=np.float64))
    at_full_scale = np.flatnonzero(np.abs(recording.waveform) >= CLIPPING_LEVEL)
    distance = CLIPPED_RUN - 1
    clipped = bool((at_full_scale[distance:] - at_full_scale[: len(at_full_scale) - distance] == distance).any())
    level = 10 * math.log10(power) if power else -math.inf
    return SoundStatistics(recording.sample_rate, recording.channels, level, clipped)

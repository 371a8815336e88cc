"""Changes that recordings meet in the world, under each of which a network can be tested: noise, levels, a delay, a
telephone's band, a lossy codec.

Every change is made on float32 waveforms [B, samples] in -1..1 of which the first `lengths` samples are sound and the rest
padding, which stays silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Waveforms = NDArray[np.float32]
    Lengths = NDArray[np.int64]

NOISE_SEED = 0
"""Seed of the noise, which is the same for every network."""
SHIFT_SECONDS = 0.1
TELEPHONE_BAND = (300.0, 3400.0)
"""Hz, as of ITU-T G.712."""
MP3_KBITS = 32.0


@dataclass(frozen=True)
class Condition:
    """A change of recordings."""

    title: str
    change: Callable[[Waveforms, Lengths, int, np.random.Generator], tuple[Waveforms, Lengths]]
    """Takes waveforms, lengths, their sample rate in Hz and a generator of the noise; returns other waveforms of the same
    shape, and their lengths."""


def _noise(snr: float) -> Condition:
    def change(
        waveforms: Waveforms, lengths: Lengths, rate: int, random: np.random.Generator
    ) -> tuple[Waveforms, Lengths]:
        import numpy as np

        power = np.square(waveforms).sum(axis=1) / np.maximum(lengths, 1)
        scale = np.sqrt(power * 10 ** (-snr / 10)).astype(np.float32)
        noise = random.standard_normal(waveforms.shape, dtype=np.float32) * scale[:, None]
        return _padded(waveforms + noise, lengths), lengths

    return Condition(f"white noise at {snr:g} dB SNR", change)


def _gain(decibels: float) -> Condition:
    """A louder one is clipped at full scale, as a recorder does, when it is stored in 16 bits."""

    def change(
        waveforms: Waveforms, lengths: Lengths, rate: int, random: np.random.Generator
    ) -> tuple[Waveforms, Lengths]:
        import numpy as np

        return waveforms * np.float32(10 ** (decibels / 20)), lengths

    return Condition(f"gain of {decibels:+g} dB", change)


def _shift(waveforms: Waveforms, lengths: Lengths, rate: int, random: np.random.Generator) -> tuple[Waveforms, Lengths]:
    import numpy as np

    delay, width = round(SHIFT_SECONDS * rate), waveforms.shape[1]
    later = np.pad(waveforms, ((0, 0), (delay, 0)))[:, :width]
    return later, np.minimum(lengths + delay, width)


def _telephone(
    waveforms: Waveforms, lengths: Lengths, rate: int, random: np.random.Generator
) -> tuple[Waveforms, Lengths]:
    """A Butterworth band-pass of fourth order; what the rate cannot hold of the band is cut already."""
    import numpy as np
    from scipy.signal import butter, sosfilt

    low, high = TELEPHONE_BAND
    band, kind = ((low, high), "bandpass") if high < rate / 2 else (low, "highpass")
    filtered = sosfilt(butter(4, band, kind, fs=rate, output="sos"), waveforms, axis=1)
    return _padded(np.asarray(filtered, dtype=np.float32), lengths), lengths


def _mp3(waveforms: Waveforms, lengths: Lengths, rate: int, random: np.random.Generator) -> tuple[Waveforms, Lengths]:
    import numpy as np

    from bench.data.mp3 import through_mp3

    coded = np.zeros_like(waveforms)
    for waveform, length, into in zip(waveforms, lengths, coded, strict=True):
        decoded = through_mp3(waveform[:length], rate, kbits=MP3_KBITS)
        into[: len(decoded)] = decoded
    return coded, lengths


def _padded(waveforms: Waveforms, lengths: Lengths) -> Waveforms:
    """The waveforms with silence after their lengths."""
    import numpy as np

    return np.where(np.arange(waveforms.shape[1]) < lengths[:, None], waveforms, np.float32(0))


CONDITIONS: dict[str, Condition] = {
    "noise-20db": _noise(20),
    "noise-10db": _noise(10),
    "noise-0db": _noise(0),
    "louder": _gain(12),
    "softer": _gain(-12),
    "shift": Condition(f"{SHIFT_SECONDS * 1000:g} ms later", _shift),
    "telephone": Condition(f"telephone band, {TELEPHONE_BAND[0]:g} to {TELEPHONE_BAND[1]:g} Hz", _telephone),
    "mp3": Condition(f"MP3 at {MP3_KBITS:g} kbit/s", _mp3),
}
"""Every change by its name in file names and records, in the order of tables."""

"""The acoustic fingerprint of a clip: what tells, without its samples, whether another clip holds the same recording.

A fingerprint has two parts, both of the clip at 8 kHz and indifferent to its level, file format and sample rate:

- A hash every 10 ms: the signs of 32 low cosine coefficients of the log spectrogram around it, 24 bands by 0.2 s. Equal
  hashes find candidates (after Haitsma and Kalker, A highly robust audio fingerprinting system, ISMIR 2002, whose bits are
  signs of differences of neighbouring bands and frames; sums over a whole patch flip more rarely under noise and codecs).
- A bit a sample: the sign of the whitened waveform. It keeps the phase, which two takes of one word or one note do not
  share, so that a candidate is confirmed or refused sample by sample; see `bench.data.twins`.

A second of sound takes 1.4 kB.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

RATE = 8000
HOP = 80
"""Samples between two hashes, 10 ms."""
FRAME = 256
BANDS = 24
PATCH = 20
"""Frames that a hash is computed from, 0.2 s."""
LOWEST, HIGHEST = 200.0, 3400.0
"""Hz that the fingerprint looks at, which telephones and codecs of speech keep."""
FLOOR = 0.01
"""What is 20 dB below the loudest frame around, or below the mean of the spectrum, counts as noise."""
ACTIVE = 10**-2.5
"""Power of a frame over that of the loudest below which it is not looked at: -25 dB."""
SILENCE = 1e-4
"""Root mean square of a frame in full scale below which it is silence, -80 dB: a few steps of 16 bits."""
COEFFICIENTS = (
    *((band, time) for band in range(6) for time in range(1, 4)),
    *((band, 0) for band in range(2, 8)),
    *((band, time) for band in range(4) for time in (4, 5)),
)
"""Orders of the cosines over bands and over frames, one a bit. The first 24 flip most rarely and are the key of a search.
Most change in time: they have both signs equally often in any sound."""
KEY_BITS = 24


@dataclass(frozen=True, slots=True, eq=False)
class ClipFingerprint:
    """The fingerprint of one clip."""

    clip: str
    """The clip's id."""
    digest: str
    """Digest of its decoded samples: equal digests are equal samples."""
    hashes: NDArray[np.uint32]
    """One every 10 ms, [frames]; 0 where nothing is audible."""
    signs: NDArray[np.uint8]
    """Whether a sample of the whitened waveform is positive, [samples / 8], packed."""

    @property
    def seconds(self) -> float:
        """Length of what was fingerprinted."""
        return len(self.hashes) * HOP / RATE


def samples_digest(samples: NDArray[np.int16], sample_rate: int) -> str:
    """Digests decoded samples and their rate, 32 hex digits: equal for all files that decode to the same sound.

    Args:
        samples: int16 [samples], mono.
        sample_rate: Their rate in Hz.
    """
    digest = hashlib.blake2b(f"{sample_rate}:".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(samples, dtype="<i2").data)
    return digest.hexdigest()


def fingerprint(waveform: NDArray[np.float32], *, clip: str, digest: str) -> ClipFingerprint:
    """Computes the fingerprint of a clip.

    Args:
        waveform: float32 [samples] in -1..1, at 8 kHz.
        clip: The clip's id.
        digest: Digest of its samples, see `samples_digest`.
    """
    if not len(waveform):  # what is shorter than a sample at 8 kHz
        return ClipFingerprint(clip, digest, np.zeros(0, np.uint32), np.zeros(0, np.uint8))
    energies = _band_energies(waveform)
    loudest = _running_maximum(energies.mean(axis=1), PATCH)
    bits = np.ascontiguousarray(_patch_coefficients(energies, loudest)[:, _BAND_ORDERS, _TIME_ORDERS] > 0)
    hashes = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    level = _running_maximum(energies.mean(axis=1), 3)
    audible = level > max(SILENCE**2, ACTIVE * float(level.max(initial=0.0)))
    return ClipFingerprint(clip, digest, np.where(audible, hashes, np.uint32(0)), _signs(waveform))


_BAND_ORDERS = np.array([band for band, _ in COEFFICIENTS])
_TIME_ORDERS = np.array([time for _, time in COEFFICIENTS])


def _band_energies(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean square in full scale within each band, [frames, BANDS], a frame every HOP samples, centred on its multiple."""
    from scipy import fft

    frames = -(-len(waveform) // HOP)
    padded = np.zeros((frames - 1) * HOP + FRAME, np.float32)
    padded[FRAME // 2 : FRAME // 2 + len(waveform)] = waveform[: len(padded) - FRAME // 2]
    window, bands = _window_and_bands()
    spectrum = fft.rfft(sliding_window_view(padded, FRAME)[::HOP] * window, axis=1)
    energies: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2) @ bands
    return energies


@cache
def _window_and_bands() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A Hann window, and triangular bands of equal width in octaves, [bins, BANDS], whose mean is a mean square."""
    window = np.hanning(FRAME + 1)[:-1]
    frequencies = np.arange(FRAME // 2 + 1) * RATE / FRAME
    centres = np.log(np.geomspace(LOWEST, HIGHEST, BANDS))
    position = np.interp(np.log(np.maximum(frequencies, 1.0)), centres, np.arange(BANDS), left=-1, right=BANDS)
    bands = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(BANDS)))
    bands *= 2 * BANDS / (FRAME * (window**2).sum())
    return window.astype(np.float32), bands.astype(np.float32)


def _running_maximum(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The maximum over `width` values around each, [frames]."""
    from scipy.ndimage import maximum_filter1d

    maximum: NDArray[np.float32] = maximum_filter1d(values, width, mode="nearest")
    return maximum


def _patch_coefficients(energies: NDArray[np.float32], loudest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine coefficients of the log energies around every frame, [frames, orders over bands, orders over time]."""
    over_bands, over_time = _cosines(BANDS, max(_BAND_ORDERS) + 1), _cosines(PATCH, max(_TIME_ORDERS) + 1)
    levels = np.log(energies / (loudest[:, None] + np.float32(1e-12)) + np.float32(FLOOR))
    by_band = np.pad(levels @ over_bands, ((PATCH // 2, PATCH // 2 - 1), (0, 0)), mode="edge")
    coefficients: NDArray[np.float32] = sliding_window_view(by_band, PATCH, axis=0) @ over_time
    return coefficients


@cache
def _cosines(length: int, orders: int) -> NDArray[np.float32]:
    """Cosines of the DCT-II, [length, orders]."""
    return np.cos(np.pi / length * np.outer(np.arange(length) + 0.5, np.arange(orders))).astype(np.float32)


def _signs(waveform: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Signs of the waveform after its spectrum, smoothed over 50 Hz, was made flat between LOWEST and HIGHEST; packed.

    What lies below the noise floor is left below it, so that added noise of 20 dB changes few signs.
    """
    from scipy import fft
    from scipy.ndimage import uniform_filter1d

    size = fft.next_fast_len(len(waveform), real=True)
    spectrum = fft.rfft(waveform, size)
    frequencies = np.arange(len(spectrum)) * RATE / size
    power = spectrum.real**2 + spectrum.imag**2
    smooth = uniform_filter1d(power, max(1, round(50 * size / RATE)), mode="nearest")
    inside = (frequencies >= LOWEST / 2) & (frequencies <= HIGHEST)
    floor = FLOOR * float(power.mean()) + 1e-20
    white = fft.irfft(np.where(inside, spectrum / np.sqrt(smooth + np.float32(floor)), 0), size)[: len(waveform)]
    return np.packbits(white > 0)

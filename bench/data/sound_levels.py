"""Compares how loud a sound is before and after each step on its way into 16 bits, so that no step destroys it unseen.

The steps are mixing down, resampling and rounding. What can be mended without changing the samples of clips that need no
mending is mended, file by file: the unit of float samples, and channels that cancel out. Everything else is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.data.leakage import clips_of
from bench.errors import first_few

Change = Literal["header", "short", "integers", "loud", "faint", "cancelled", "rounded"]
"""What was done to a file's samples, or lost of them, on the way: see `CHANGES`."""

OVERSHOOT = 4.0
"""Largest sample, 12 dB over full scale, up to which a float file is a waveform that overshoots, and is clipped."""
INTEGER_PEAK = 256.0
"""Largest sample above which float samples are in units of integers: below it they may be in units of their deviation."""
INTEGER_BITS = (15, 23, 31)
"""Bits of the integers, without sign, whose units float files come in."""
FAINT_PEAK = 2.0**-11
"""Largest sample, 16 steps of 16 bits, below which a float file is scaled up: its unit is not full scale."""
SILENT_PEAK = 2.0**-24
"""Largest sample, a step of 24 bits, below which a float file is silent."""
CANCELLED = 0.02
"""Share of its power that a mix keeps, of what channels that have nothing to do with each other would leave, below which
its channels cancel out: 17 dB are lost."""
ROUNDED = 0.01
"""Power of the error of rounding and clipping, over that of the sound, above which the sound suffers: 20 dB below it."""
LOST = 0.01
"""Share of its power that is left of a sound which counts as lost to resampling: 20 dB less."""


def rescaled(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], Change | None]:
    """Brings the samples of a float file that are in another unit than full scale into -1..1, and says if they were.

    Float samples have no unit of their own. Integers are divided by their full scale, which keeps files as loud as they are
    to each other. What hardly differs from zero, or goes far beyond full scale, is multiplied by a power of two, which loses
    nothing, so that it reaches half of full scale.

    Args:
        samples: float32 of any shape.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if not math.isfinite(peak):
        return samples, None
    if peak > INTEGER_PEAK or (peak > 1 and bool((samples == np.rint(samples)).all())):
        fitting = [bits for bits in INTEGER_BITS if peak <= 2.0**bits]
        bits = fitting[0] if fitting else math.frexp(peak)[1]
        return np.ldexp(samples, -bits), "integers"
    if peak > OVERSHOOT:
        return np.ldexp(samples, -math.frexp(peak)[1]), "loud"
    if SILENT_PEAK <= peak < FAINT_PEAK:
        return np.ldexp(samples, -math.frexp(peak)[1]), "faint"
    return samples, None


def mixed_down(channels: NDArray[np.float32]) -> tuple[NDArray[np.float32], Change | None]:
    """Mixes channels by their mean, or takes the loudest where they cancel out, and says if they did.

    Args:
        channels: float32 [samples, channels].

    Returns:
        float32 [samples].
    """
    if channels.shape[1] == 1:
        return channels[:, 0], None
    mean: NDArray[np.float32] = channels.mean(axis=1, dtype=np.float32)
    of_each = [power(channels[:, channel]) for channel in range(channels.shape[1])]
    # Of n channels that are not related, a mean has an n-th of the power.
    if power(mean) < CANCELLED * sum(of_each) / len(of_each) ** 2:
        return channels[:, int(np.argmax(of_each))].copy(), "cancelled"
    return mean, None


def is_rounded_away(waveform: NDArray[np.float32], samples: NDArray[np.int16]) -> bool:
    """Tells whether 16 bits are too coarse, or too few, for a waveform in -1..1 that is not silent in them.

    Args:
        waveform: float32 [samples].
        samples: The same in 16 bits, int16 [samples].
    """
    return bool(samples.any()) and power(waveform - samples * np.float32(2.0**-15)) > ROUNDED * power(waveform)


def lowest_sound(waveform: NDArray[np.float32], sample_rate: int) -> float:
    """The frequency in Hz below which a waveform has LOST of its power: at twice of it, that is what resampling leaves."""
    spectrum = np.abs(np.fft.rfft(waveform)) ** 2
    share = np.cumsum(spectrum) / max(float(spectrum.sum()), 1e-30)
    return float(np.searchsorted(share, LOST) * sample_rate / len(waveform))


def power(waveform: NDArray[np.float32]) -> float:
    """Mean square of a waveform, 0 for an empty one."""
    return float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0


CHANGES: dict[Change, tuple[str, str]] = {
    "header": (
        "a header that states another length than the file has, as programs that write to a pipe leave it",
        "read to the end of the file",
    ),
    "short": (
        "an end that lies beyond that of the file, by over a tenth of the stretch",
        "read to the end of the file; start and end are in seconds",
    ),
    "integers": (
        "float samples in units of integers, far above full scale (1.0)",
        "divided by the integers' full scale",
    ),
    "loud": (
        f"float samples beyond {OVERSHOOT:g} times full scale (1.0), as of waveforms divided by their deviation",
        "each scaled down to full scale, so that they lose their level to each other and to other files; divide all files "
        "by one number to keep levels",
    ),
    "faint": (
        f"float samples below {FAINT_PEAK:.4f} of full scale (1.0)",
        "each scaled up to half of it, so that they lose their level to each other and to other files; multiply all files "
        "by one number to keep levels",
    ),
    "cancelled": (
        "channels that cancel out when they are mixed, one being about the other inverted",
        "the loudest channel is taken",
    ),
    "rounded": (
        "samples that are too quiet for 16 bits, or too loud, and lose over 1 % by rounding or clipping",
        "bring the files to a level between -40 and 0 dB of full scale, all by one factor",
    ),
}
"""What a clip has, and what is done about it or is to be."""


def change_notes(changes: Sequence[tuple[str, Sequence[Change]]]) -> Iterator[str]:
    """Writes a note for each kind of change.

    Args:
        changes: Name and changes of every clip.
    """
    for change, (what, remedy) in CHANGES.items():
        names = [name for name, of_clip in changes if change in of_clip]
        if names:
            verb = "has" if len(names) == 1 else "have"
            yield f"{clips_of(len(names))} of {len(changes):,} {verb} {what}: {remedy} ({first_few(names)})"


def high_notes(highs: Sequence[tuple[str, float, int]], rates: Sequence[int], clips: int) -> Iterator[str]:
    """Writes a note if hardly anything is left of clips at some of the sample rates.

    Args:
        highs: Name of a clip, the frequency below which it has hardly any sound, and the sample rate of its file.
        rates: The sample rates in Hz that clips are resampled to.
        clips: Number of all clips.
    """
    lost = {rate: [high for high in highs if rate < high[2] and high[1] > rate / 2] for rate in sorted(rates)}
    lost = {rate: of_rate for rate, of_rate in lost.items() if of_rate}
    if not lost:
        return
    at_lowest = next(iter(lost.values()))
    own = max(high[2] for high in at_lowest)
    left = ", ".join(f"{len(of_rate):,} at {rate:,} Hz" for rate, of_rate in lost.items())
    yield (
        f"clips of which under 1 % of the sound is left, since it is higher than half the sample rate: {left}, of {clips:,} "
        f"({first_few(name for name, _, _ in at_lowest)}); they are recorded at up to {own:,} Hz: search higher rates, as "
        f"by --set feature.mel.sample_rate={own}"
    )

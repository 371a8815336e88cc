"""What a page shows and plays of one clip: its waveform, its spectrogram and its sound."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import PreparedData
from bench.files import write_atomically
from bench.reporting.example_audio import ChosenClip, clips_by_id

PICTURE_FRAMES = 128
"""Number of columns of a spectrogram, and of a waveform's envelope."""
PICTURE_BANDS = 64
RANGE_DB = 70.0
"""Levels of a spectrogram below its maximum that are told apart, in dB."""
WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class ClipSound:
    """One clip as a page holds it."""

    name: str
    """Name of its elements: `s3`."""
    seconds: float
    envelope: str
    """Outline of its waveform, as an SVG path in a box of PICTURE_FRAMES by 100."""
    spectrogram: str
    """Address of its spectrogram, a PNG of PICTURE_FRAMES by PICTURE_BANDS, the low frequencies below."""
    source: str = ""
    """Address of its sound; empty if the page has none of it."""


@dataclass(frozen=True)
class PageSounds:
    """The clips of a page, and where their sound is."""

    clips: Mapping[str, ClipSound]
    """By the clips' ids."""
    sample_rate: int
    folder: str = ""
    """Name of the folder beside the page that holds the files; empty if they are in the page."""
    size: int = 0
    """Bytes of all sounds together, as they are in the page or in the folder."""


def page_sounds(
    data: PreparedData, ids: Sequence[str], *, sample_rate: int, limit: int, folder: Path | None
) -> PageSounds:
    """Reads clips, draws them, and gives each its sound.

    Args:
        data: The decoded data set.
        ids: Names of the clips, those first that have their sound if not all can.
        sample_rate: Sample rate of the network's input, in Hz.
        limit: Bytes of sound that a page may hold.
        folder: Folder for the sounds where they are more; None to leave out those that do not fit.
    """
    chosen = clips_by_id(data, ids, sample_rate=sample_rate)
    waves = {clip.id: _wave(clip, sample_rate) for clip in chosen}
    drawn = {clip.id: _drawn(f"s{number}", clip, sample_rate) for number, clip in enumerate(chosen)}
    embedded = {id: f"data:audio/wav;base64,{base64.b64encode(content).decode()}" for id, content in waves.items()}
    total = sum(map(len, embedded.values()))
    if total > limit and folder is not None:
        for id, content in waves.items():
            write_atomically(folder / f"{drawn[id].name}.wav", content)
        clips = {id: replace(clip, source=f"{folder.name}/{clip.name}.wav") for id, clip in drawn.items()}
        return PageSounds(clips, sample_rate, folder.name, sum(map(len, waves.values())))
    fitting, size = {}, 0
    for id, address in embedded.items():
        if size + len(address) <= limit:
            fitting[id], size = address, size + len(address)
    return PageSounds(
        {id: replace(clip, source=fitting.get(id, "")) for id, clip in drawn.items()}, sample_rate, size=size
    )


def _own_samples(clip: ChosenClip) -> NDArray[np.int16]:
    return clip.samples[: clip.length or len(clip.samples)]


def _wave(clip: ChosenClip, sample_rate: int) -> bytes:
    """The content of a WAV file, which every browser plays."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(_own_samples(clip).astype("<i2").tobytes())
    return buffer.getvalue()


def _drawn(name: str, clip: ChosenClip, sample_rate: int) -> ClipSound:
    samples = _own_samples(clip).astype(np.float32) / 32768.0
    png = base64.b64encode(_png(spectrogram(samples, sample_rate))).decode()
    return ClipSound(name, len(samples) / sample_rate, envelope(samples), f"data:image/png;base64,{png}")


def envelope(samples: NDArray[np.float32]) -> str:
    """Returns the outline of a waveform, scaled to its own maximum: the highest value of each column, then the lowest."""
    ends = np.linspace(0, len(samples), min(PICTURE_FRAMES, len(samples)) + 1).astype(int)
    scale = 48 / max(float(np.abs(samples).max()), 1e-4)
    highest = 50 - scale * np.maximum.reduceat(samples, ends[:-1])
    lowest = 50 - scale * np.minimum.reduceat(samples, ends[:-1])
    across = np.linspace(0, PICTURE_FRAMES, len(highest)).round().astype(int)
    outline = [*zip(across, highest, strict=True), *zip(across[::-1], lowest[::-1], strict=True)]
    return "M" + " ".join(f"{x} {round(float(y))}" for x, y in outline) + "Z"


def spectrogram(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.uint8]:
    """Computes the levels of a spectrogram in dB of its maximum, as 0 to 255, the high frequencies first.

    Args:
        samples: Waveform, [samples].
        sample_rate: Its sample rate, in Hz.

    Returns:
        Levels, [PICTURE_BANDS, PICTURE_FRAMES]; those of silence are 0.
    """
    width = max(2 * PICTURE_BANDS, 2 ** round(np.log2(WINDOW_SECONDS * sample_rate)))
    padded = np.pad(samples, (width // 2, width))
    starts = np.linspace(0, max(0, len(samples) - 1), PICTURE_FRAMES).astype(int)
    frames = padded[starts[:, None] + np.arange(width)] * np.hanning(width).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)[:, 1:]) ** 2
    bands = power.reshape(PICTURE_FRAMES, PICTURE_BANDS, -1).max(axis=2).T
    loudest = max(float(bands.max()), 1e-10)
    levels = 1 + 10 * np.log10(np.maximum(bands / loudest, 1e-10)) / RANGE_DB
    return np.asarray(255 * levels.clip(0, 1), dtype=np.uint8)[::-1]


def _png(levels: NDArray[np.uint8]) -> bytes:
    from matplotlib import colormaps
    from PIL import Image

    image = Image.fromarray(levels)
    colours = colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    image.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()

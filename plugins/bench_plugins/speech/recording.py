"""Speaks all takes of one voice. Run as a program, it is the process that `synthesis` starts for every voice."""

from __future__ import annotations

import io
import pickle
import sys
import wave
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench_plugins.speech.espeak import Voice
from bench_plugins.speech.script import ACCENTS, WORDS


def record(name: str, *, takes: int, data: Path) -> dict[str, bytes]:
    """Speaks every word `takes` times.

    Args:
        name: The voice variant.
        takes: How often each word is spoken. A voice's clips depend on its name and on this.
        data: The folder of eSpeak NG's data.

    Returns:
        The contents of wav files, by file name.
    """
    voice = Voice(name, data)
    files = {}
    for digit, word in enumerate(WORDS):
        for take in range(takes):
            draw = np.random.default_rng([zlib.crc32(name.encode()), digit, take])
            speech = voice.say(
                word,
                accent=str(draw.choice(ACCENTS)),
                rate=int(draw.integers(130, 230)),
                pitch=int(draw.integers(20, 80)),
            )
            files[f"{word}_{take}.wav"] = _wav(_recorded(speech, voice.sample_rate, draw), voice.sample_rate)
    return files


def _recorded(speech: NDArray[np.int16], sample_rate: int, draw: np.random.Generator) -> NDArray[np.int16]:
    """As if recorded: up to 150 ms before and 100 ms after, white noise at -5 to 25 dB, peak at -24 to -1 dB.

    Cut to one second.
    """
    before, after = (int(draw.integers(0, sample_rate * ms // 1000)) for ms in (150, 100))
    padded = np.pad(speech.astype(np.float64), (before, after))[:sample_rate]
    power = float(np.sum(np.square(speech.astype(np.int64)))) / len(speech)  # whole numbers: exact on any machine
    # Uniform noise of half-width w has power w * w / 3.
    width = np.sqrt(3 * power * 10 ** (-draw.uniform(-5, 25) / 10))
    noisy = padded + width * draw.uniform(-1, 1, len(padded))
    peak = 32767 * 10 ** (-draw.uniform(1, 24) / 20)
    recorded: NDArray[np.int16] = np.rint(noisy * (peak / np.max(np.abs(noisy)))).astype(np.int16)
    return recorded


def _wav(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return content.getvalue()


if __name__ == "__main__":
    pickle.dump(record(sys.argv[1], takes=int(sys.argv[2]), data=Path(sys.argv[3])), sys.stdout.buffer)

"""Spoken digits, built in: made on the spot by eSpeak NG, without internet access, the same bytes every time.

eSpeak NG is GPL-3.0-or-later. Audio that it gives out is not covered by its licence, and none is shipped: every user makes
the clips, which may be used freely.
"""

from __future__ import annotations

import os
import wave
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.data.folders import building
from bench.errors import BenchError
from bench.files import cache_directory, cannot_write
from bench.plugins import Clip, Dataset, Listing, Split
from bench.plugins.contracts import ProgressCallback
from bench_plugins.datasets.espeak import Voice, data_folder

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TAKES = 4
ACCENTS = ("en", "en-us", "en-029", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")

# eSpeak NG's voice variants. Those of one family (Gene and Gene2, the klatts) stand in one split.
VOICES: Mapping[Split, tuple[str, ...]] = {
    "train": (
        *("f1", "f3", "Alicia", "anika", "aunty", "grandma", "shelby", "steph", "steph2", "steph3"),
        *("m1", "m2", "m4", "m6", "m8", "Alex", "Diogo", "Gene", "Gene2", "Hugo", "Jacky", "Marco", "Mario"),
        *("Michael", "Mike", "mike2", "Nguyen", "Reed", "RicishayMax", "RicishayMax2", "benjamin", "david"),
        *("grandpa", "robert", "croak", "klatt", "klatt2", "klatt4", "whisper", "whisperf"),
    ),
    "validation": ("f4", "Annie", "belinda", "m5", "adam", "Lee", "gustave", "quincy"),
    "test": ("f2", "f5", "Andrea", "linda", "m3", "m7", "Andy", "Denis", "Henrique", "boris", "caleb", "victor"),
}


class SpokenDigits(Dataset):
    """2,400 clips of the ten digits, spoken by eSpeak NG in 60 voices; built in.

    40 voices are for training, 8 for validation, 12 for the test; group: the voice. Every voice says every word four times,
    each with a drawn accent, rate, pitch, level, pause before and after, and white noise. 22,050 Hz.
    """

    name: ClassVar[str] = "spoken-digits"
    folder: ClassVar[str] = "spoken-digits-v1"
    source: ClassVar[str] = "made here by eSpeak NG 1.52 (GPL-3.0-or-later; the audio is free to use)"

    def labels(self) -> tuple[str, ...]:
        return WORDS

    def root(self, data_dir: Path) -> Path:
        """Below `data_dir` where the folder is there, and else in the cache: a data folder may be read-only."""
        given = data_dir / self.folder
        return given if given.is_dir() else cache_directory() / self.folder

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        make(root, progress)

    def clips(self, root: Path) -> Listing:
        clips = tuple(
            Clip(path.relative_to(root).as_posix(), path.name.partition("_")[0], split, group=path.parent.name)
            for split in VOICES
            for path in sorted(root.glob(f"{split}/*/*.wav"))
        )
        if not clips:
            raise BenchError(f"{root} holds no spoken digits: delete it, and it is made again")
        due = {f"{split}/{voice}/{file}" for split in VOICES for voice in VOICES[split] for file in _files()}
        return Listing(clips, missing=tuple(sorted(due.difference(clip.path for clip in clips))))


def make(
    root: Path, progress: ProgressCallback, *, voices: Mapping[Split, Sequence[str]] = VOICES, takes: int = TAKES
) -> None:
    """Speaks every word `takes` times in every voice into `root`, which appears complete or not at all.

    A voice's clips depend on its name and on `takes`, never on the other voices or the number of processes.
    Raises BenchError on a full disk, a read-only folder or a broken library.
    """
    try:
        with building(root) as unfinished:
            _speak_all(unfinished, progress, voices, takes)
    except OSError as error:
        raise cannot_write(root, error) from error
    except BrokenProcessPool as error:
        raise BenchError(
            "a process that ran eSpeak NG died: install espeakng-loader again "
            "(in a script of your own, start under: if __name__ == '__main__')"
        ) from error


def _speak_all(folder: Path, progress: ProgressCallback, voices: Mapping[Split, Sequence[str]], takes: int) -> None:
    """One fresh process a voice, since the library's state runs on from voice to voice."""
    jobs = [(folder / split / voice, voice) for split in voices for voice in voices[split]]
    workers = min(len(jobs), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with (
        data_folder() as data,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        running = [pool.submit(partial(_speak_voice, takes=takes, data=data), *job) for job in jobs]
        try:
            for done, future in enumerate(as_completed(running), start=1):
                future.result()
                progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _speak_voice(folder: Path, name: str, *, takes: int, data: Path) -> None:
    folder.mkdir(parents=True)
    voice = Voice(name, data)
    for digit, word in enumerate(WORDS):
        for take in range(takes):
            draw = np.random.default_rng([zlib.crc32(name.encode()), digit, take])
            speech = voice.say(
                word,
                accent=str(draw.choice(ACCENTS)),
                rate=int(draw.integers(130, 230)),
                pitch=int(draw.integers(20, 80)),
            )
            _write(folder / f"{word}_{take}.wav", _record(speech, voice.sample_rate, draw), voice.sample_rate)


def _record(speech: NDArray[np.int16], sample_rate: int, draw: np.random.Generator) -> NDArray[np.int16]:
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


def _write(path: Path, samples: NDArray[np.int16], sample_rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())


def _files() -> list[str]:
    return [f"{word}_{take}.wav" for word in WORDS for take in range(TAKES)]

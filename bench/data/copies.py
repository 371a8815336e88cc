"""Augmented copies of the training clips: what is too slow to do in training, done once, in parallel, and kept on disk.

A folder of copies stands beside the cache of decoded audio that it is made from: the same layout, with a train split alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.audio import to_int16
from bench.data.cache import CacheWriter, Facts, Torn, map_samples, read_index, verify
from bench.data.folders import building, discard
from bench.data.preparation import load_split
from bench.data.prepared import ClipSet, PreparedData
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import TrainingSettings

SEED = 20_150_101
"""Of all draws: copies are part of the data, the same for every trial."""
PEAK = 0.99
"""Loudest sample of a copy, of 1."""
PIECE = 8
"""Clips that a process augments in one go."""
SAID_FROM = 1e9
"""Bytes of copies from which on their size is said."""


@dataclass(frozen=True)
class CopySettings:
    """How copies are made of clips, and how many of each."""

    copies: int
    pitch: float
    pitch_probability: float
    shift: float
    snr_low: float
    snr_high: float

    @classmethod
    def of(cls, settings: TrainingSettings) -> CopySettings:
        return cls(
            copies=settings.copies,
            pitch=settings.copy_pitch,
            pitch_probability=settings.copy_pitch_probability,
            shift=settings.copy_shift,
            snr_low=settings.copy_snr_low,
            snr_high=settings.copy_snr_high,
        )


def prepare_copies(
    prepared: PreparedData,
    settings: TrainingSettings,
    *,
    sample_rate: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Makes the copies that `settings` ask for, or finds them whole; nothing where they ask for none.

    Raises BenchError where the decoded clips are gone, and on a full disk.
    """
    if settings.copies == 0:
        return
    recipe, report = CopySettings.of(settings), progress if progress is not None else lambda what, done, total: None
    folder = copies_folder(prepared, settings, sample_rate)
    try:
        if verify(folder) is not None:
            return
    except Torn:
        discard(folder)
    clips = load_split(prepared, "train", sample_rate=sample_rate)
    size = clips.samples.nbytes * recipe.copies
    what = "augmenting" if size < SAID_FROM else f"augmenting ({size / 1e9:.1f} GB)"
    total = len(clips.ids)
    report(what, 0, total)
    try:
        with building(folder) as place:
            writer = CacheWriter(place, samples=clips.samples.shape[1])
            for done, copies in enumerate(_made(prepared, recipe, sample_rate, total)):
                for number, copy in enumerate(copies, start=1):
                    writer.splits["train"].add(
                        copy,
                        id=f"{clips.ids[done]}~{number}",
                        group=clips.groups[done],
                        target=int(clips.targets[done]),
                    )
                report(what, done + 1, total)
            writer.close(_facts(prepared, recipe))
    except OSError as error:
        raise cannot_write(folder, error) from error


def load_copies(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> ClipSet:
    """The copies in the place of the training clips, `settings.copies` of each one after another; mapped, not read.

    Raises BenchError where they were not made.
    """
    folder = copies_folder(prepared, settings, sample_rate)
    try:
        index = read_index(folder, "train")
        samples = map_samples(folder / "train.npy")
    except (OSError, ValueError) as error:
        raise BenchError(
            f"the augmented copies of {prepared.dataset.name} at {folder} are gone or damaged: "
            "run the command again, and they are made anew"
        ) from error
    return ClipSet(
        sample_rate=sample_rate,
        ids=tuple(index["ids"]),
        groups=tuple(index["groups"]),
        targets=np.array(index["targets"], dtype=np.int64),
        samples=samples,
        lengths=np.array(index["lengths"], dtype=np.int64),
    )


def copy_of(
    clip: NDArray[np.float32], recipe: CopySettings, *, sample_rate: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """A copy of float32 [samples] in -1..1: shifted in pitch and in time, under noise, and brought to one peak.

    The draws are the same whatever they are used for, so that one setting changes nothing of the others. A silent clip stays
    silent, since no noise has a ratio to it.
    """
    semitones = random.uniform(-recipe.pitch, recipe.pitch)
    pitched = random.random() < recipe.pitch_probability
    shift = round(random.uniform(-recipe.shift, recipe.shift) * sample_rate)
    snr = random.uniform(recipe.snr_low, recipe.snr_high)
    noise = random.standard_normal(len(clip), dtype=np.float32)
    if not clip.any():
        return clip
    if pitched and recipe.pitch > 0:
        import librosa

        clip = librosa.effects.pitch_shift(clip, sr=sample_rate, n_steps=semitones)
    moved = _shifted(clip, shift)
    # Of what was there before it moved: a shift past the end leaves silence, to which no noise has a ratio.
    level = np.sqrt(np.mean(np.square(clip)) / np.mean(np.square(noise))) * 10 ** (-snr / 20)
    mixed = moved + np.float32(level) * noise
    return np.asarray(mixed * np.float32(PEAK / np.abs(mixed).max()), dtype=np.float32)


def _shifted(clip: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Later by so many samples (earlier where negative), zeros moved in."""
    moved = np.zeros_like(clip)
    if abs(shift) < len(clip):
        moved[max(shift, 0) : len(clip) + min(shift, 0)] = clip[max(-shift, 0) : len(clip) - max(shift, 0)]
    return moved


def copies_folder(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> Path:
    """Where the copies are that `settings` ask for: beside the clips that they are made of."""
    recipe = CopySettings.of(settings)
    if sample_rate not in prepared.caches:
        raise BenchError(f"{prepared.dataset.name} is not decoded at {sample_rate} Hz: prepare it there")
    cache = prepared.caches[sample_rate]
    content = json.dumps([prepared.revision, SEED, PEAK, vars(recipe)], sort_keys=True)
    return cache.with_name(f"{cache.name}-copies-{hashlib.sha256(content.encode()).hexdigest()[:12]}")


def _made(
    prepared: PreparedData, recipe: CopySettings, sample_rate: int, total: int
) -> Iterator[list[NDArray[np.int16]]]:
    """The copies of every training clip, in order."""
    starts = range(0, total, PIECE)
    jobs = [(prepared, recipe, sample_rate, start) for start in starts]
    workers = min(os.cpu_count() or 1, len(jobs))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        # A window at a time: what is made waits in memory until it is written.
        for first in range(0, len(jobs), 4 * workers):
            for piece in pool.map(_piece, jobs[first : first + 4 * workers]):
                yield from piece


def _one_thread() -> None:
    """Processes share the cores: libraries that start threads of their own would stand in each other's way."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"


def _piece(job: tuple[PreparedData, CopySettings, int, int]) -> list[list[NDArray[np.int16]]]:
    prepared, recipe, sample_rate, start = job
    clips = load_split(prepared, "train", sample_rate=sample_rate)
    made = []
    for place in range(start, min(start + PIECE, len(clips.ids))):
        clip = clips.samples[place, : clips.lengths[place]].astype(np.float32) / np.float32(32768)
        name = int.from_bytes(hashlib.sha256(clips.ids[place].encode()).digest()[:8], "big")
        made.append(
            [
                to_int16(copy_of(clip, recipe, sample_rate=sample_rate, random=np.random.default_rng([SEED, name, k])))
                for k in range(recipe.copies)
            ]
        )
    return made


def _facts(prepared: PreparedData, recipe: CopySettings) -> Facts:
    supports = dict.fromkeys(prepared.supports, (0,) * len(prepared.labels))
    supports["train"] = tuple(recipe.copies * count for count in prepared.supports["train"])
    return Facts(
        revision=prepared.revision,
        labels=prepared.labels,
        seconds=prepared.seconds,
        supports=supports,
        grouped=prepared.grouped,
        findings=(),
        notes=(),
    )

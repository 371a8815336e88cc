"""Augmented copies of the training clips: what is too slow to do in training, done once, in parallel, and kept on disk.

A folder of copies stands beside the cache of decoded audio that it is made from: the same layout, with a train split alone.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.child_process import ChildProcess
from bench.cores import available_cores
from bench.data.audio_file import to_int16
from bench.data.folders import building, discard, mark_used
from bench.data.preparation import load_split
from bench.data.prepared import ClipSet, PreparedData
from bench.data.waveform_cache import CacheWriter, Corrupt, Metadata, map_samples, read_index, verify
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import TrainingSettings

SEED = 20_150_101
"""Of all draws: copies are part of the data, the same for every trial."""
PEAK = 0.99
"""Loudest sample of a copy, of 1."""
PIECE = 32
"""Copies of a clip that a process makes in one go."""
AHEAD = 3
"""Pieces for each process that may wait in memory until they are written."""
SAID_FROM = 1e9
"""Bytes of copies from which on their size is said."""


@dataclass(frozen=True)
class OfflineAugmentation:
    """How copies are made of clips, and how many of each."""

    copies: int
    pitch: float
    pitch_probability: float
    shift: float
    snr_low: float
    snr_high: float

    @classmethod
    def of(cls, settings: TrainingSettings) -> OfflineAugmentation:
        return cls(
            copies=settings.offline_copies,
            pitch=settings.offline_pitch,
            pitch_probability=settings.offline_pitch_probability,
            shift=settings.offline_shift,
            snr_low=settings.offline_snr_low,
            snr_high=settings.offline_snr_high,
        )


def prepare_augmented_copies(
    prepared: PreparedData,
    settings: TrainingSettings,
    *,
    sample_rate: int,
    progress: Callable[[str, int, int], None] | None = None,
    processes: int | None = None,
) -> None:
    """Makes the copies that `settings` ask for, unless they are there already.

    Args:
        prepared: Data set whose training clips are copied.
        settings: Training settings, of which those that begin with `offline_` say how and how many.
        sample_rate: Rate of the clips, in Hz.
        progress: Called with what is done, and the numbers of copies made and wanted.
        processes: Number of processes that make them: one a core unless given, and this process itself with 0.

    Raises:
        BenchError: If the decoded clips are gone, the disk is full, or a process that makes copies is killed.
    """
    if settings.offline_copies == 0:
        return
    recipe, report = (
        OfflineAugmentation.of(settings),
        progress if progress is not None else lambda what, done, total: None,
    )
    folder = augmented_copies_folder(prepared, settings, sample_rate)
    if _whole(folder):
        mark_used(folder)
        return
    clips = load_split(prepared, "train", sample_rate=sample_rate)
    size = 2 * int(clips.lengths.sum()) * recipe.copies
    what = "augmenting" if size < SAID_FROM else f"augmenting ({size / 1e9:.1f} GB)"
    total = recipe.copies * len(clips.ids)
    report(what, 0, total)
    try:
        with building(folder) as place:
            writer = CacheWriter(place, samples=clips.samples.shape[1])
            for done, copy in enumerate(_made(clips, recipe, processes)):
                clip, number = divmod(done, recipe.copies)
                writer.splits["train"].add(
                    copy,
                    id=f"{clips.ids[clip]}~{number + 1}",
                    group=clips.groups[clip],
                    target=int(clips.targets[clip]),
                )
                report(what, done + 1, total)
            writer.close(_facts(prepared, recipe))
    except OSError as error:
        raise cannot_write(folder, error) from error


def load_augmented_copies(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> ClipSet:
    """The copies in the place of the training clips, `settings.offline_copies` of each one after another; mapped, not read.

    Raises BenchError where they were not made.
    """
    folder = augmented_copies_folder(prepared, settings, sample_rate)
    file = folder / "train.npy"
    try:
        index = read_index(folder, "train")
        samples = map_samples(file)
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
        file=file,
    )


def copy_of(
    clip: NDArray[np.float32], recipe: OfflineAugmentation, *, sample_rate: int, random: np.random.Generator
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

        with warnings.catch_warnings():  # a clip shorter than the window is padded, as it should be
            warnings.filterwarnings("ignore", message="n_fft=.* is too large")
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


def augmented_copies_folder(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> Path:
    """Where the copies are that `settings` ask for: beside the clips that they are made of."""
    recipe = OfflineAugmentation.of(settings)
    if sample_rate not in prepared.caches:
        raise BenchError(f"{prepared.dataset.name} is not decoded at {sample_rate} Hz: prepare it there")
    cache = prepared.caches[sample_rate]
    content = json.dumps([prepared.revision, SEED, PEAK, vars(recipe)], sort_keys=True)
    return cache.with_name(f"{cache.name}-copies-{hashlib.sha256(content.encode()).hexdigest()[:12]}")


def _whole(folder: Path) -> bool:
    """Whether the copies are there; torn ones are removed.

    A study asks before each of its trials: once a process has checked every byte, it looks only whether files changed.
    """
    stamp = _stamp(folder)
    if stamp and _checked.get(folder) == stamp:
        return True
    try:
        if verify(folder) is None:
            return False
    except Corrupt:
        discard(folder)
        return False
    _checked[folder] = stamp
    return True


_checked: dict[Path, tuple[object, ...]] = {}
"""Stamps of the folders of which this process has checked every byte."""


def _stamp(folder: Path) -> tuple[object, ...]:
    """Names, sizes and times of the files; empty where there are none."""
    files = sorted(folder.glob("*"))
    return tuple((file.name, status.st_size, status.st_mtime_ns) for file in files if (status := file.stat()))


def _made(clips: ClipSet, recipe: OfflineAugmentation, processes: int | None) -> Iterator[NDArray[np.int16]]:
    """The copies of every clip, in order. Raises BenchError where a process is killed."""
    numbers = [range(first, min(first + PIECE, recipe.copies)) for first in range(0, recipe.copies, PIECE)]
    pieces = [(clip, of_clip) for clip in range(len(clips.ids)) for of_clip in numbers]
    if processes == 0:
        for clip, of_clip in pieces:
            yield from _piece(*_order(clips, clip, of_clip, recipe))
        return
    left = iter(enumerate(pieces))
    made: dict[int, list[NDArray[np.int16]]] = {}
    following = 0
    workers = min(processes or available_cores(), len(pieces))
    with _processes(workers) as free:
        busy: dict[Connection, int] = {}
        while following < len(pieces):
            while free and len(made) < AHEAD * workers and (piece := next(left, None)) is not None:
                number, (clip, of_clip) = piece
                busy[free[-1]] = number
                with suppress(OSError):  # it is dead, which `_received` says
                    free.pop().send(_order(clips, clip, of_clip, recipe))
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                made[busy.pop(connection)] = _received(connection)
                free.append(connection)
            while following in made:
                yield from made.pop(following)
                following += 1


@contextmanager
def _processes(count: int) -> Iterator[list[Connection]]:
    """Connections to processes that make copies. Each has a pipe of its own: in one that all share, a process that is killed
    while it writes leaves the others, and the reader, waiting for ever, as those of concurrent.futures do."""
    children: list[ChildProcess] = []
    try:
        for _ in range(count):
            children.append(ChildProcess("bench.data.offline_augmentation:make_pieces"))
        yield [child.connection for child in children]
    finally:
        for child in children:
            child.end()


def _order(clips: ClipSet, clip: int, numbers: range, recipe: OfflineAugmentation) -> tuple[Any, ...]:
    """The arguments with which `_piece` makes these copies of a clip."""
    samples = np.array(clips.samples[clip, : clips.lengths[clip]])
    return samples, clips.ids[clip], numbers, recipe, clips.sample_rate


def _received(connection: Connection) -> list[NDArray[np.int16]]:
    try:
        answer = connection.recv()
    except (EOFError, OSError) as error:
        raise BenchError(
            "a process that makes augmented copies was killed, perhaps for want of memory: run the command again"
        ) from error
    if isinstance(answer, Exception):
        raise answer
    made: list[NDArray[np.int16]] = answer
    return made


def make_pieces(connection: Connection) -> None:
    """The function of a child process that makes copies, for as long as it lives."""
    while True:
        job = connection.recv()
        try:
            answer: object = _piece(*job)
        except Exception as error:  # raised by the parent
            answer = error
        connection.send(answer)


def _piece(
    samples: NDArray[np.int16], id: str, numbers: range, recipe: OfflineAugmentation, sample_rate: int
) -> list[NDArray[np.int16]]:
    """Copies of one clip; each one's draws come from the clip's id and the copy's number, wherever it is made."""
    clip = samples.astype(np.float32) / np.float32(32768)
    name = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")
    return [
        to_int16(copy_of(clip, recipe, sample_rate=sample_rate, random=np.random.default_rng([SEED, name, number])))
        for number in numbers
    ]


def _facts(prepared: PreparedData, recipe: OfflineAugmentation) -> Metadata:
    supports = dict.fromkeys(prepared.supports, (0,) * len(prepared.labels))
    supports["train"] = tuple(recipe.copies * count for count in prepared.supports["train"])
    return Metadata(
        revision=prepared.revision,
        labels=prepared.labels,
        seconds=prepared.seconds,
        supports=supports,
        grouped=prepared.grouped,
        issues=(),
        notes=(),
    )

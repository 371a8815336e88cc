"""Offline augmentation: augmented copies of the training clips, made once and in parallel, since it is too slow in training.

Their folder is beside the cache of decoded audio that they are made from, in the same layout, with a train split alone.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.child_process import ChildProcess
from bench.cores import available_cores
from bench.data.audio_file import to_int16
from bench.data.checksums import Corrupt
from bench.data.folders import building, discard, mark_used
from bench.data.preparation import PreparationProgress, load_split
from bench.data.prepared import ClipSet, PreparedData
from bench.data.waveform_cache import CacheWriter, Metadata, map_samples, read_index, verified
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import TrainingSettings

SEED = 20_150_101
"""Seed of all draws: augmented copies are part of the data, the same for every trial."""
PEAK = 0.99
"""Absolute value of the loudest sample of every copy, with 1 as full scale."""
PIECE = 32
"""Copies of one clip that a process makes in one go."""
MAX_PENDING = 3
"""Pieces a process that may wait in memory until they are written."""
LARGE = 1e9
"""Bytes from which on the progress report names the size of the copies."""


@dataclass(frozen=True)
class OfflineAugmentation:
    """The settings of offline augmentation."""

    copies_per_clip: int
    pitch: float
    """Largest shift in pitch, in semitones."""
    pitch_probability: float
    """Share of the copies that are shifted in pitch, 0 to 1."""
    shift: float
    """Largest shift in time, in seconds."""
    snr_low: float
    """Least signal-to-noise ratio, in dB."""
    snr_high: float
    """Greatest signal-to-noise ratio, in dB."""

    @classmethod
    def of(cls, settings: TrainingSettings) -> OfflineAugmentation:
        """Takes them from the settings of a training."""
        return cls(
            copies_per_clip=settings.offline_copies,
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
    progress: PreparationProgress | None = None,
    processes: int | None = None,
) -> None:
    """Makes the augmented copies that `settings` ask for, unless they ask for none or intact ones exist.

    Args:
        prepared: The decoded data set.
        settings: Settings of a training, of which the `offline_` ones count.
        sample_rate: Rate in Hz.
        progress: Called with the name of the step, and the numbers of copies made and wanted.
        processes: Number of processes that make them: one a core unless given, and this process itself with 0.

    Raises:
        BenchError: The decoded clips are gone, the disk is full, or a process that makes copies is killed.
    """
    if settings.offline_copies == 0:
        return
    augmentation = OfflineAugmentation.of(settings)
    report = progress if progress is not None else lambda step, done, total: None
    folder = augmented_copies_folder(prepared, settings, sample_rate)
    if _intact(folder):
        mark_used(folder)
        return
    clips = load_split(prepared, "train", sample_rate=sample_rate)
    size = 2 * int(clips.lengths.sum()) * augmentation.copies_per_clip
    step = "augmenting" if size < LARGE else f"augmenting ({size / 1e9:.1f} GB)"
    total = augmentation.copies_per_clip * len(clips.ids)
    report(step, 0, total)
    try:
        with building(folder) as temporary:
            writer = CacheWriter(temporary, samples=clips.mapped.shape[1])
            for done, copy in enumerate(_augmented_clips(clips, augmentation, processes)):
                clip, number = divmod(done, augmentation.copies_per_clip)
                writer.splits["train"].add(
                    copy,
                    id=f"{clips.ids[clip]}~{number + 1}",
                    group=clips.groups[clip],
                    target=int(clips.targets[clip]),
                )
                report(step, done + 1, total)
            writer.close(_metadata(prepared, augmentation))
    except OSError as error:
        raise cannot_write(folder, error) from error


def load_augmented_copies(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> ClipSet:
    """Loads the augmented copies, `settings.offline_copies` of each training clip in a row; mapped into memory, not read.

    Raises:
        BenchError: They are missing or damaged.
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
        ids=tuple(index.ids),
        groups=tuple(index.groups),
        targets=np.array(index.targets, dtype=np.int64),
        lengths=np.array(index.lengths, dtype=np.int64),
        mapped=samples,
        file=file,
    )


def augment_clip(
    clip: NDArray[np.float32], augmentation: OfflineAugmentation, *, sample_rate: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Makes one augmented copy of a clip: shifted in pitch and in time, under noise, and scaled to the common peak.

    Every random number is drawn whether it is used or not, so that one setting does not change the draws of the others. A
    silent clip stays silent, since no noise has a ratio to it.

    Args:
        clip: float32 [samples] in -1..1.
        augmentation: How the copy is made.
        sample_rate: Rate of the clip in Hz.
        random: Generator of all draws.

    Returns:
        float32 [samples] in -1..1.
    """
    semitones = random.uniform(-augmentation.pitch, augmentation.pitch)
    pitched = random.random() < augmentation.pitch_probability
    shift = round(random.uniform(-augmentation.shift, augmentation.shift) * sample_rate)
    snr = random.uniform(augmentation.snr_low, augmentation.snr_high)
    noise = random.standard_normal(len(clip), dtype=np.float32)
    if not clip.any():
        return clip
    if pitched and augmentation.pitch > 0:
        import librosa

        with warnings.catch_warnings():  # a clip shorter than the window is padded, as it should be
            warnings.filterwarnings("ignore", message="n_fft=.* is too large")
            clip = librosa.effects.pitch_shift(clip, sr=sample_rate, n_steps=semitones)
    moved = _shifted(clip, shift)
    # The level is that of the clip before its shift: one past the end leaves silence, to which no noise has a ratio.
    level = np.sqrt(np.mean(np.square(clip)) / np.mean(np.square(noise))) * 10 ** (-snr / 20)
    mixed = moved + np.float32(level) * noise
    return np.asarray(mixed * np.float32(PEAK / np.abs(mixed).max()), dtype=np.float32)


def _shifted(clip: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Delays a clip by `shift` samples, or advances it if that is negative; zeros move in."""
    moved = np.zeros_like(clip)
    if abs(shift) < len(clip):
        moved[max(shift, 0) : len(clip) + min(shift, 0)] = clip[max(-shift, 0) : len(clip) - max(shift, 0)]
    return moved


def augmented_copies_folder(prepared: PreparedData, settings: TrainingSettings, sample_rate: int) -> Path:
    """The folder of the augmented copies that `settings` ask for: beside the clips that they are made from.

    Raises:
        BenchError: The data set is not decoded at this rate.
    """
    augmentation = OfflineAugmentation.of(settings)
    if sample_rate not in prepared.caches:
        raise BenchError(f"{prepared.dataset.name} is not decoded at {sample_rate} Hz: prepare it there")
    cache = prepared.caches[sample_rate]
    key = json.dumps([prepared.revision, prepared.fold_name, SEED, PEAK, vars(augmentation)], sort_keys=True)
    return cache.with_name(f"{cache.name}-augmented-{hashlib.sha256(key.encode()).hexdigest()[:12]}")


def _intact(folder: Path) -> bool:
    """Whether the augmented copies exist; corrupt ones are removed. A study asks before each of its trials."""
    try:
        return verified(folder, once=True) is not None
    except Corrupt:
        discard(folder)
        return False


def _augmented_clips(
    clips: ClipSet, augmentation: OfflineAugmentation, processes: int | None
) -> Iterator[NDArray[np.int16]]:
    """Makes the copies of every clip, in order. Raises BenchError if a process is killed."""
    count = augmentation.copies_per_clip
    ranges = [range(first, min(first + PIECE, count)) for first in range(0, count, PIECE)]
    pieces = [(clip, numbers) for clip in range(len(clips.ids)) for numbers in ranges]
    if processes == 0:
        for clip, numbers in pieces:
            yield from _piece(*_arguments(clips, clip, numbers, augmentation))
        return
    remaining = iter(enumerate(pieces))
    finished: dict[int, list[NDArray[np.int16]]] = {}
    following = 0
    workers = min(processes or available_cores(), len(pieces))
    with _processes(workers) as free:
        busy: dict[Connection, int] = {}
        while following < len(pieces):
            while free and len(finished) < MAX_PENDING * workers and (piece := next(remaining, None)) is not None:
                index, (clip, numbers) = piece
                busy[free[-1]] = index
                with suppress(OSError):  # the process is dead, which `_receive` reports
                    free.pop().send(_arguments(clips, clip, numbers, augmentation))
            for connection in cast("list[Connection]", wait(list(busy))):
                finished[busy.pop(connection)] = _receive(connection)
                free.append(connection)
            while following in finished:
                yield from finished.pop(following)
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


def _arguments(clips: ClipSet, clip: int, numbers: range, augmentation: OfflineAugmentation) -> tuple[Any, ...]:
    """The arguments with which `_piece` makes these copies of a clip."""
    samples = np.array(clips.waveform(clip)[: clips.lengths[clip]])
    return samples, clips.ids[clip], numbers, augmentation, clips.sample_rate


def _receive(connection: Connection) -> list[NDArray[np.int16]]:
    try:
        message = connection.recv()
    except (EOFError, OSError) as error:
        raise BenchError(
            "a process that makes augmented copies was killed, perhaps for want of memory: run the command again"
        ) from error
    if isinstance(message, Exception):
        raise message
    augmented: list[NDArray[np.int16]] = message
    return augmented


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
    samples: NDArray[np.int16], id: str, numbers: range, augmentation: OfflineAugmentation, sample_rate: int
) -> list[NDArray[np.int16]]:
    """Makes copies of one clip. Each is drawn by the clip's id and the copy's number, whichever process makes it."""
    clip = samples.astype(np.float32) / np.float32(32768)
    clip_seed = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")
    generators = (np.random.default_rng([SEED, clip_seed, number]) for number in numbers)
    return [to_int16(augment_clip(clip, augmentation, sample_rate=sample_rate, random=random)) for random in generators]


def _metadata(prepared: PreparedData, augmentation: OfflineAugmentation) -> Metadata:
    supports = dict.fromkeys(prepared.supports, (0,) * len(prepared.labels))
    supports["train"] = tuple(augmentation.copies_per_clip * count for count in prepared.supports["train"])
    return Metadata(
        revision=prepared.revision,
        labels=prepared.labels,
        seconds=prepared.seconds,
        supports=supports,
        issues=(),
        notes=(),
    )

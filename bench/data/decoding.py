"""Decoding all clips of a data set, in parallel and in order."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.audio_suffixes import AUDIO_SUFFIXES
from bench.cores import available_cores
from bench.data.audio_file import Recording, UnreadableClip, decode, header_seconds
from bench.plugins import Clip

LONGEST_SECONDS = 30.0
"""What a clip is cut to at most where the data set names no length."""

BATCH = 16
"""Files that a thread decodes in one go: small files take less time than handing them over."""


@dataclass(frozen=True)
class DecodedClip:
    """A clip's samples by sample rate, or why there are none."""

    clip: Clip
    content: str
    """Digest of the file's bytes and of the stretch; empty where the file cannot be read."""
    seconds: float
    """Length before it is cut."""
    samples: Mapping[int, NDArray[np.int16]]
    suspicion: str | None = None
    problem: str | None = None
    silent_piece: bool = False
    """Whether this is a silent stretch that was cut from a recording with sound in it: left out, without being a problem."""


def decode_clips(
    root: Path,
    clips: Sequence[Clip],
    *,
    sample_rates: Sequence[int],
    seconds: float,
    cut: bool = False,
    progress: Callable[[int, int], None],
) -> Iterator[DecodedClip]:
    """Every clip, in the order given, cut to `seconds`; a file is read once for all its clips that stand together.

    With `cut`, a longer clip becomes consecutive ones of that length, see `pieces`. `progress` is called with the number of
    clips done and their total.
    """
    files = [list(of_file) for _, of_file in groupby(clips, key=lambda clip: clip.path)]
    batches = iter([files[place : place + BATCH] for place in range(0, len(files), BATCH)])
    threads = available_cores()
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        # A few batches at a time: what is decoded waits in memory until it is taken.
        while window := list(islice(batches, 4 * threads)):
            decoded = pool.map(lambda batch: _decode_batch(root, batch, sample_rates, seconds, cut), window)
            for batch, of_batch in zip(window, decoded, strict=True):
                yield from of_batch
                done += sum(map(len, batch))
                progress(done, len(clips))


def pieces(clip: Clip, length: float, seconds: float) -> tuple[Clip, ...]:
    """A clip that lasts `length` seconds as consecutive ones of `seconds`, all of one group.

    What is left at the end is one, too, from half of that on; a clip that is no longer than one stays as it is.
    """
    group = clip.path if clip.group is None else clip.group
    if length <= seconds * 1.001:
        return (replace(clip, group=group),)
    count = max(1, math.floor(length / seconds + 0.5 + 1e-6))
    starts = [clip.start + place * seconds for place in range(count)]
    last = math.inf if clip.end is None else clip.end
    return tuple(replace(clip, start=start, end=min(start + seconds, last), group=group) for start in starts)


def decode_noise(root: Path, folder: str | None, sample_rate: int) -> tuple[NDArray[np.int16] | None, tuple[str, ...]]:
    """The data set's background noise, [samples], one recording after another, and a line for each that cannot be read."""
    pieces, notes = [], []
    for path in noise_files(root, folder):
        try:
            pieces.append(decode(path).at(sample_rate))
        except UnreadableClip as error:
            notes.append(f"background noise {path.relative_to(root).as_posix()} is left out: {error}")
    return (np.concatenate(pieces) if pieces else None), tuple(notes)


def noise_files(root: Path, folder: str | None) -> list[Path]:
    """The audio files of the data set's folder of background noise, sorted."""
    if folder is None or not (root / folder).is_dir():
        return []
    return sorted(
        path for path in (root / folder).iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )


def longest_seconds(root: Path, clips: Sequence[Clip]) -> float:
    """Length of the longest clip by the files' headers, rounded up to a millisecond, uncapped; 0 where none can be read."""
    paths = sorted({clip.path for clip in clips})
    with ThreadPoolExecutor(available_cores()) as pool:
        lengths = dict(zip(paths, pool.map(lambda path: header_seconds(root / path), paths), strict=True))

    def length(clip: Clip) -> float:
        file = lengths[clip.path] or 0.0
        return min(file, clip.end if clip.end is not None else file) - clip.start

    longest = max(map(length, clips), default=0.0)
    return float(np.ceil(round(longest * 1000, 6)) / 1000)


def _decode_batch(
    root: Path, batch: Sequence[Sequence[Clip]], sample_rates: Sequence[int], seconds: float, cut: bool
) -> list[DecodedClip]:
    return [decoded for of_file in batch for decoded in _decode_file(root, of_file, sample_rates, seconds, cut)]


def _decode_file(
    root: Path, clips: Sequence[Clip], sample_rates: Sequence[int], seconds: float, cut: bool
) -> Iterator[DecodedClip]:
    path = root / clips[0].path
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        recording = decode(path)
    except (UnreadableClip, OSError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        yield from (DecodedClip(clip, "", 0.0, {}, problem=reason) for clip in clips)
        return
    for clip in clips:
        content = f"{digest}:{clip.start!r}:{clip.end!r}"
        try:
            if cut:
                yield from _decode_pieces(clip, digest, recording, sample_rates, seconds)
            else:
                yield _decode_clip(clip, content, recording, sample_rates, seconds)
        except UnreadableClip as error:
            yield DecodedClip(clip, content, 0.0, {}, problem=str(error))


def _decode_pieces(
    clip: Clip, digest: str, recording: Recording, sample_rates: Sequence[int], seconds: float
) -> Iterator[DecodedClip]:
    whole = recording.stretch(clip.start, clip.end)
    found = pieces(clip, whole.seconds, seconds)
    for piece in found:
        decoded = _decode_clip(piece, f"{digest}:{piece.start!r}:{piece.end!r}", recording, sample_rates, seconds)
        if decoded.suspicion == "silent" and len(found) > 1 and whole.suspicion() is None:
            decoded = replace(decoded, samples={}, suspicion=None, silent_piece=True)
        yield decoded


def _decode_clip(
    clip: Clip, content: str, recording: Recording, sample_rates: Sequence[int], seconds: float
) -> DecodedClip:
    whole = recording.stretch(clip.start, clip.end)
    heard = whole.stretch(end=seconds)
    suspicion = heard.suspicion()
    return DecodedClip(
        clip,
        content,
        whole.seconds,
        {rate: heard.at(rate) for rate in sample_rates},
        suspicion=None if clip.silent and suspicion == "silent" else suspicion,
    )

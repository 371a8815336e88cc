"""Decodes all clips of a data set, in parallel and in order."""

from __future__ import annotations

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
from bench.data.audio_file import Recording, UnreadableClip, decode, header_seconds, to_int16
from bench.data.fingerprints import RATE, ClipFingerprint, fingerprint, samples_digest
from bench.data.sound_levels import LOST, Change, is_rounded_away, lowest_sound, power
from bench.data.sound_statistics import SoundStatistics, sound_statistics
from bench.plugins import Clip

LONGEST_SECONDS = 30.0
"""Longest clip length of a data set that names none."""
USUAL_SHARE = 0.95
"""Share of the clips that are no longer than the clip length, where few clips are far longer than the others."""
FAR_LONGER = 2.0
"""Times that length from which the longest clip does not set the length of all."""

WHOLE_SHARE = 0.9
"""Share of a stretch, by its row, below which what its file holds of it counts as another than was meant."""
BATCH = 16
"""Files that a thread decodes in one go, since handing over a small file takes longer than decoding it."""


@dataclass(frozen=True)
class DecodedClip:
    """A clip's samples by sample rate, or the reason why there are none."""

    clip: Clip
    digest: str
    """Digest of its samples and their rate before it is cut, whatever file they came from; empty if there are none."""
    seconds: float
    """Length before it is cut."""
    samples: Mapping[int, NDArray[np.int16]]
    """int16 [samples] by sample rate."""
    suspicion: str | None = None
    """Why the clip may be useless, in a few words."""
    problem: str | None = None
    """Why the clip cannot be used, in a few words."""
    silent_piece: bool = False
    """Whether this is a silent stretch that was cut from a recording with sound in it; it is left out without a warning."""
    fingerprint: ClipFingerprint | None = None
    """What twins are found by; None without samples, and for a clip that should hold silence."""
    statistics: SoundStatistics | None = None
    """Of its sound before it is cut; None without samples."""
    changes: tuple[Change, ...] = ()
    """What had to be mended of its file, or is lost, see `bench.data.sound_levels`."""
    lowest: float = 0.0
    """Frequency in Hz below which it has hardly any sound; 0 unless that is above what the fingerprint's rate can hold."""


def decode_clips(
    root: Path,
    clips: Sequence[Clip],
    *,
    sample_rates: Sequence[int],
    seconds: float,
    cut: bool = False,
    progress: Callable[[int, int], None],
) -> Iterator[DecodedClip]:
    """Decodes every clip, in the order given. A file is read once for all its clips that follow each other.

    Args:
        root: The data set's folder.
        clips: The clips to decode.
        sample_rates: Rates in Hz to which each clip is resampled.
        seconds: Length that clips are cut to.
        cut: Whether a longer clip becomes consecutive ones of that length, see `pieces`.
        progress: Called with the number of clips done and their total.
    """
    files = [list(of_file) for _, of_file in groupby(clips, key=lambda clip: clip.path)]
    batches = iter([files[start : start + BATCH] for start in range(0, len(files), BATCH)])
    threads = available_cores()
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        # A few batches at a time, since decoded clips wait in memory until they are taken.
        while window := list(islice(batches, 4 * threads)):
            decoded = pool.map(lambda batch: _decode_batch(root, batch, sample_rates, seconds, cut), window)
            for batch, of_batch in zip(window, decoded, strict=True):
                yield from of_batch
                done += sum(map(len, batch))
                progress(done, len(clips))


def pieces(clip: Clip, length: float, seconds: float) -> tuple[Clip, ...]:
    """Cuts a clip that lasts `length` seconds into consecutive ones of `seconds`, all of one group.

    The rest at the end becomes a clip of its own if it lasts at least half of `seconds`; a clip that is no longer than
    `seconds` stays whole.
    """
    group = clip.path if clip.group is None else clip.group
    if length <= seconds * 1.001:
        return (replace(clip, group=group),)
    count = max(1, math.floor(length / seconds + 0.5 + 1e-6))
    starts = [clip.start + number * seconds for number in range(count)]
    last = math.inf if clip.end is None else clip.end
    return tuple(replace(clip, start=start, end=min(start + seconds, last), group=group) for start in starts)


def decode_noise(root: Path, folder: str | None, sample_rate: int) -> tuple[NDArray[np.int16] | None, tuple[str, ...]]:
    """Decodes the data set's background noise.

    Returns:
        int16 [samples], one recording after another, or None if there are none; and a note for each unreadable file.
    """
    recordings, notes = [], []
    for path in noise_files(root, folder):
        try:
            recordings.append(decode(path).at(sample_rate))
        except UnreadableClip as error:
            notes.append(f"background noise {path.relative_to(root).as_posix()} is left out: {error}")
    return (np.concatenate(recordings) if recordings else None), tuple(notes)


def noise_files(root: Path, folder: str | None) -> list[Path]:
    """Lists the audio files of the data set's folder of background noise, sorted."""
    if folder is None or not (root / folder).is_dir():
        return []
    return sorted(
        path
        for path in (root / folder).iterdir()
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )


def listed_seconds(root: Path, clips: Sequence[Clip]) -> list[float]:
    """Lengths of clips by the headers of their files; 0 for a clip whose file has none that can be read."""
    paths = sorted({clip.path for clip in clips})
    with ThreadPoolExecutor(available_cores()) as pool:
        file_seconds = dict(zip(paths, pool.map(lambda path: header_seconds(root / path), paths), strict=True))

    def clip_seconds(clip: Clip) -> float:
        end = file_seconds[clip.path] or 0.0
        return max(0.0, min(end, clip.end if clip.end is not None else end) - clip.start)

    return [clip_seconds(clip) for clip in clips]


def usual_length(seconds: Sequence[float]) -> float:
    """The clip length in seconds that suits clips of these lengths: the longest, or else what hardly any exceeds.

    One long recording among many short ones would make all of them long by zeros.

    Returns:
        The length, rounded up to a millisecond, LONGEST_SECONDS at most; 0 for no clips.
    """
    ordered = sorted(seconds) or [0.0]
    usual = ordered[int(USUAL_SHARE * (len(ordered) - 1))]
    length = ordered[-1] if ordered[-1] <= FAR_LONGER * usual else usual
    return min(LONGEST_SECONDS, rounded_up(length))


def rounded_up(seconds: float) -> float:
    """Seconds, rounded up to a millisecond."""
    return float(np.ceil(round(seconds * 1000, 6)) / 1000)


def high_sounds(clips: Sequence[DecodedClip]) -> tuple[tuple[str, float, int], ...]:
    """Of the clips whose sound lies high: name, frequency in Hz below which there is hardly any, and sample rate."""
    return tuple(
        (decoded.clip.id, decoded.lowest, decoded.statistics.sample_rate)
        for decoded in clips
        if decoded.lowest and decoded.statistics is not None
    )


def _decode_batch(
    root: Path, batch: Sequence[Sequence[Clip]], sample_rates: Sequence[int], seconds: float, cut: bool
) -> list[DecodedClip]:
    return [decoded for of_file in batch for decoded in _decode_file(root, of_file, sample_rates, seconds, cut)]


def _decode_file(
    root: Path, clips: Sequence[Clip], sample_rates: Sequence[int], seconds: float, cut: bool
) -> Iterator[DecodedClip]:
    path = root / clips[0].path
    try:
        recording = decode(path)
    except (UnreadableClip, OSError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        yield from (DecodedClip(clip, "", 0.0, {}, problem=reason) for clip in clips)
        return
    for clip in clips:
        try:
            for decoded in (
                _decode_pieces(clip, recording, sample_rates, seconds)
                if cut
                else (_decode_clip(clip, recording, sample_rates, seconds),)
            ):
                yield replace(decoded, changes=(*decoded.changes, "short")) if _is_short(clip, recording) else decoded
        except UnreadableClip as error:
            yield DecodedClip(clip, "", 0.0, {}, problem=str(error))
        except Exception as error:  # a sample rate that soxr refuses, say, ends no run either
            yield DecodedClip(clip, "", 0.0, {}, problem=" ".join(f"{type(error).__name__}: {error}".split()))


def _is_short(clip: Clip, recording: Recording) -> bool:
    """Whether the file ends long before the clip should: a row's rounded end is none, and one in milliseconds is."""
    return clip.end is not None and recording.seconds - clip.start < WHOLE_SHARE * (clip.end - clip.start)


def _decode_pieces(
    clip: Clip, recording: Recording, sample_rates: Sequence[int], seconds: float
) -> Iterator[DecodedClip]:
    whole = recording.stretch(clip.start, clip.end)
    of_clip = pieces(clip, whole.seconds, seconds)
    for piece in of_clip:
        decoded = _decode_clip(piece, recording, sample_rates, seconds)
        if decoded.suspicion == "silent" and len(of_clip) > 1 and whole.suspicion() is None:
            decoded = replace(decoded, samples={}, suspicion=None, silent_piece=True)
        yield decoded


def _decode_clip(clip: Clip, recording: Recording, sample_rates: Sequence[int], seconds: float) -> DecodedClip:
    whole = recording.stretch(clip.start, clip.end)
    shortened = whole.stretch(end=seconds)
    suspicion = shortened.suspicion()
    rounded = to_int16(whole.waveform)
    digest = samples_digest(rounded, whole.sample_rate)
    at_low_rate = shortened.resampled(RATE)
    lost = not suspicion and power(at_low_rate) < LOST * power(shortened.waveform)
    return DecodedClip(
        clip,
        digest,
        whole.seconds,
        {rate: shortened.at(rate) for rate in sample_rates},
        suspicion=None if clip.silent and suspicion == "silent" else suspicion,
        fingerprint=None if clip.silent else fingerprint(at_low_rate, clip=clip.id, digest=digest),
        statistics=sound_statistics(whole),
        changes=(*whole.changes, *(("rounded",) if is_rounded_away(whole.waveform, rounded) else ())),
        lowest=lowest_sound(shortened.waveform, whole.sample_rate) if lost else 0.0,
    )

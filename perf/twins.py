"""Measures the leakage gate: which changed copies are found, what is found where no copies are, and how long it takes.

Recall needs real recordings, in ../shared/data beside the checkout; sets that are not there are left out. The time is of
20,000 clips of a second, decoded before: real words, each in several pitches so that all clips differ, or noise.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from bench.cores import available_cores
from bench.data.audio_file import Recording, UnreadableClip, decode, to_int16
from bench.data.fingerprints import RATE, ClipFingerprint, fingerprint, samples_digest
from bench.data.twins import Twins, find_twins
from perf.sound import noise
from perf.tables import Column, Row, Sizes, Table

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {
    "fsdd": "free-spoken-digit-dataset/recordings/*.wav",
    "speech_commands": "speech_commands_v0.01/[a-z]*/*.wav",
    "philharmonia": "philharmonia/all-samples/*/*.mp3",
    "audio-cats-and-dogs": "audio-cats-and-dogs/cats_dogs/*.wav",
}
PITCHES = (1.0, 0.8, 0.86, 0.92, 1.06, 1.12, 1.2, 1.27, 1.33)
"""Factors by which clips are played faster, so that one recording makes many that differ."""
LONGEST = 30.0

Waveform = NDArray[np.float32]


def measure(sizes: Sizes) -> list[Table]:
    """Makes the table of recall and false alarms, and that of the time."""
    corpora = {name: _recordings(pattern, 60 if sizes.quick else None) for name, pattern in SETS.items()}
    corpora = {name: recordings for name, recordings in corpora.items() if recordings}
    tables = [_recall(corpora, copies=20 if sizes.quick else 300), _alarms(corpora)] if corpora else []
    return [*tables, _speed(corpora.get("speech_commands", {}), 500 if sizes.quick else 20_000)]


def _recordings(pattern: str, most: int | None) -> dict[str, Recording]:
    recordings = {}
    for path in sorted(DATA.glob(pattern))[:most]:
        try:
            recordings[path.relative_to(DATA).as_posix()] = decode(path).stretch(end=LONGEST)
        except UnreadableClip:
            continue
    return recordings


def _fingerprint(name: str, recording: Recording) -> ClipFingerprint:
    digest = samples_digest(to_int16(recording.waveform), recording.sample_rate)
    return fingerprint(recording.resampled(RATE), clip=name, digest=digest)


def _fingerprints(recordings: Mapping[str, Recording]) -> list[ClipFingerprint]:
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(_fingerprint, recordings, recordings.values()))


def _encoded(waveform: Waveform, rate: int, format: str, subtype: str, compression: float) -> Waveform:
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate, 1, format=format, subtype=subtype, compression_level=compression
    ) as writer:
        writer.write(waveform)
    file.seek(0)
    samples: Waveform = soundfile.read(file, dtype="float32")[0]
    return samples


def _noisy(waveform: Waveform, rate: int) -> Waveform:
    random = np.random.default_rng(len(waveform))
    return waveform + random.standard_normal(len(waveform)) * np.sqrt(np.mean(waveform**2) / 100)


def _zeros(seconds: float, rate: int) -> Waveform:
    return np.zeros(round(seconds * rate), np.float32)


CHANGES: dict[str, Callable[[Waveform, int], Waveform]] = {
    "the same samples": lambda x, rate: x,
    "shifted by 50 ms": lambda x, rate: np.concatenate([x[rate // 20 :], _zeros(0.05, rate)]),
    "trimmed by 10 % at both ends": lambda x, rate: x[len(x) // 10 : len(x) - len(x) // 10],
    "padded by 0.3 and 0.2 s": lambda x, rate: np.concatenate([_zeros(0.3, rate), x, _zeros(0.2, rate)]),
    "6 dB louder, clipped": lambda x, rate: np.clip(2 * x, -1, 1),
    "through 8 kHz (6 kHz if it has 8)": lambda x, rate: soxr.resample(x, rate, 8000 if rate > 8000 else 6000),
    "as OGG Vorbis": lambda x, rate: _encoded(x, rate, "OGG", "VORBIS", 0.6),
    "as MP3 of low quality": lambda x, rate: _encoded(x, rate, "MP3", "MPEG_LAYER_III", 0.9),
    "under white noise of 20 dB": _noisy,
    "its second half alone": lambda x, rate: x[len(x) // 2 :],
}


def _changed(recording: Recording, change: str) -> Recording:
    rate = recording.sample_rate
    waveform = CHANGES[change](recording.waveform, rate).astype(np.float32)
    return Recording(waveform, rate if "kHz" not in change else 8000 if rate > 8000 else 6000)


def _recall(corpora: Mapping[str, Mapping[str, Recording]], *, copies: int) -> Table:
    """Of every kind of change, the share of copies that stand in a family with their own original."""
    originals = {name: _fingerprints(recordings) for name, recordings in corpora.items()}
    rows = []
    for change in CHANGES:
        row: Row = {"change": change}
        for name, recordings in corpora.items():
            chosen = np.random.default_rng(0).permutation(list(recordings))[:copies].tolist()
            changed = _fingerprints({f"copy of {id}": _changed(recordings[id], change) for id in chosen})
            family = _family_of(find_twins([*originals[name], *changed]))
            found = sum(family.get(id, id) == family.get(f"copy of {id}") for id in chosen)
            row[name] = found / len(chosen)
        rows.append(row)
    columns = (Column("Change", "change"), *(Column(name, name, ".1%") for name in corpora))
    title = f"Copies that are found among the whole set, of {copies} clips (of all, if there are fewer)"
    return Table(title, columns, tuple(rows))


def _family_of(twins: Twins) -> dict[str, int]:
    return {id: number for number, family in enumerate(twins.families()) for id in family}


def _alarms(corpora: Mapping[str, Mapping[str, Recording]]) -> Table:
    """What is found in the sets as they are: equal samples are twins, anything else has to be looked at."""
    rows = []
    for name, recordings in corpora.items():
        start = time.perf_counter()
        clips = _fingerprints(recordings)
        between = time.perf_counter()
        twins = find_twins(clips)
        end = time.perf_counter()
        correlations = [pair.correlation for pair in twins.pairs if not pair.same_samples]
        row: Row = {"set": name, "clips": len(recordings), "equal": len(twins.pairs) - len(correlations)}
        row |= {"other": len(correlations), "lowest": min(correlations, default=None)}
        row |= {"recordings": len(recordings) - sum(len(family) - 1 for family in twins.families())}
        rows.append(row | {"fingerprints": between - start, "matching": end - between})
    columns = (
        Column("Set", "set"),
        Column("Clips", "clips", ",d"),
        Column("Pairs of equal samples", "equal", ",d"),
        Column("Other pairs", "other", ",d"),
        Column("Their lowest correlation", "lowest", ".2f"),
        Column("Recordings that differ", "recordings", ",d"),
        Column("Fingerprints (s)", "fingerprints", ".1f"),
        Column("Matching (s)", "matching", ".1f"),
    )
    return Table("What is found in the sets as they are", columns, tuple(rows))


def _speed(words: Mapping[str, Recording], clips: int) -> Table:
    """Wall-clock time and processor time of fingerprints and matching, for different clips of a second."""
    names = [f"{number:06}" for number in range(clips)]
    sound = _words(list(words.values()), clips) if words else list(noise(clips))
    recordings = dict(zip(names, sound, strict=True))
    start, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(available_cores()) as pool:
        prints = list(pool.map(_from_int16, recordings, recordings.values(), chunksize=16))
    between, cpu_between = time.perf_counter(), time.process_time()
    find_twins(prints)
    end, cpu_end = time.perf_counter(), time.process_time()
    size = sum(one.hashes.nbytes + one.signs.nbytes for one in prints) / len(prints)
    rows = (
        {"step": "fingerprints, resampling included", "wall": between - start, "cpu": cpu_between - cpu},
        {"step": "matching", "wall": end - between, "cpu": cpu_end - cpu_between},
        {"step": "both", "wall": end - start, "cpu": cpu_end - cpu},
    )
    what = "words in several pitches" if words else "clips of noise"
    title = f"{clips:,} {what}, a second each, on {available_cores()} cores; a fingerprint takes {size / 1000:.1f} kB"
    columns = (Column("Step", "step"), Column("Seconds", "wall", ".1f"), Column("Processor seconds", "cpu", ".1f"))
    return Table(title, columns, rows)


def _from_int16(name: str, samples: NDArray[np.int16]) -> ClipFingerprint:
    return _fingerprint(name, Recording(samples / np.float32(32768), 16000))


def _words(recordings: Sequence[Recording], clips: int) -> list[NDArray[np.int16]]:
    """Words at 16 kHz, in one pitch after another, as int16 to save memory."""
    made = []
    for number in range(clips):
        recording = recordings[number % len(recordings)]
        pitch = PITCHES[number // len(recordings) % len(PITCHES)]
        made.append(to_int16(soxr.resample(recording.waveform, 16000, 16000 * pitch, quality="QQ")[:16000]))
    return made

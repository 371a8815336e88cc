"""Fingerprints of clips, and the twins that are found by them, on speech that is synthesised here and on real recordings."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from bench.data.audio_file import decode
from bench.data.decoding import DecodedClip, decode_clips
from bench.data.fingerprints import (
    RATE,
    ClipFingerprint,
    fingerprint,
    samples_digest,
)
from bench.data.leakage import refuse_contradictions
from bench.data.twins import Twins, find_twins
from bench.errors import BenchError
from bench.plugins import Clip
from bench_plugins.speech.script import VOICES
from bench_plugins.speech.synthesis import synthesise
from tests.made_audio import tone, write


def fingerprint_of(clip: str, waveform: np.ndarray, rate: int = RATE) -> ClipFingerprint:
    waveform = waveform.astype(np.float32)
    digest = samples_digest(np.rint(waveform * 32767).astype(np.int16), rate)
    return fingerprint(soxr.resample(waveform, rate, RATE), clip=clip, digest=digest)


def decoded(root: Path, paths: Iterable[str], *, cut: bool = False, seconds: float = 30.0) -> list[DecodedClip]:
    clips = [Clip(path, "a", "train") for path in paths]
    done = decode_clips(root, clips, sample_rates=(8000,), seconds=seconds, cut=cut, progress=lambda done, total: None)
    return list(done)


def twins_of(clips: Sequence[DecodedClip]) -> Twins:
    return find_twins([clip.fingerprint for clip in clips if clip.fingerprint is not None])


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, np.ndarray, int]]:
    """60 spoken digits, two takes in each of three voices: id, samples, rate."""
    root = tmp_path_factory.mktemp("speech")
    synthesise(root, lambda done, total: None, voices={"train": VOICES["train"][:3]}, takes=2)
    recordings = {path.relative_to(root).as_posix(): decode(path) for path in sorted(root.rglob("*.wav"))}
    return [(id, recording.waveform, recording.sample_rate) for id, recording in recordings.items()]


def encoded(waveform: np.ndarray, rate: int, format: str, subtype: str) -> np.ndarray:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format=format, subtype=subtype, compression_level=0.9) as writer:
        writer.write(waveform)
    file.seek(0)
    samples: np.ndarray = soundfile.read(file)[0]
    return samples


def noisy(waveform: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    noise = np.random.default_rng(0).standard_normal(len(waveform))
    return waveform + noise * np.sqrt(np.mean(waveform**2) / 100), rate


CHANGES = {
    "shifted": lambda x, rate: (np.r_[x[rate // 20 :], np.zeros(rate // 20)], rate),
    "trimmed": lambda x, rate: (x[len(x) // 10 : -len(x) // 10], rate),
    "padded": lambda x, rate: (np.r_[np.zeros(rate // 3), x, np.zeros(rate // 5)], rate),
    "louder": lambda x, rate: (np.clip(2 * x, -1, 1), rate),
    "8 kHz": lambda x, rate: (soxr.resample(x, rate, 8000), 8000),
    "ogg": lambda x, rate: (encoded(x, rate, "OGG", "VORBIS"), rate),
    "mp3": lambda x, rate: (encoded(x, rate, "MP3", "MPEG_LAYER_III"), rate),
    "noise": noisy,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_a_twin_and_another_word_is_none(words: list, change: str) -> None:
    copies = [fingerprint_of(f"copy of {name}", *CHANGES[change](x, rate)) for name, x, rate in words[::3]]
    twins = find_twins([*copies, *(fingerprint_of(*word) for word in words)])
    expected = {tuple(sorted((f"copy of {name}", name))) for name, _, _ in words[::3]}
    assert set(twins.families()) <= expected and len(twins.families()) >= 19


def test_only_twins_as_a_whole_contradict_each_other(words: list) -> None:
    _, x, rate = words[0]
    half = len(x) // 2
    clips = [fingerprint_of("a", x, rate), fingerprint_of("b", *noisy(x, rate)), fingerprint_of("c", x[:half], rate)]
    twins = find_twins(clips)
    assert twins.families() == (("a", "b", "c"),)
    labelled = {label: Clip("b", label, "train") for label in ("eight", "nine")}
    others = [Clip("a", "eight", "train"), Clip("c", "start of eight", "train")]
    refuse_contradictions("words", [*others, labelled["eight"]], twins)
    with pytest.raises(BenchError, match=r"words: a \(eight\) and b \(nine\) hold the same sound under two labels"):
        refuse_contradictions("words", [*others, labelled["nine"]], twins)


def test_what_is_said_of_a_shifted_copy(words: list) -> None:
    _, x, rate = words[0]
    padded = np.r_[np.zeros(round(0.05 * rate)), x]
    (twin,) = find_twins([fingerprint_of("a", x, rate), fingerprint_of("b", padded, rate)]).pairs
    assert twin.shift == pytest.approx(0.05, abs=0.001) and twin.whole and not twin.same_samples
    assert twin.evidence == "same recording, shifted by 0.05 s"


def test_overlapping_stretches_of_a_recording_are_one_family(words: list) -> None:
    rate = words[0][2]
    recording = np.concatenate([x for _, x, _ in words[:12]])  # 5 s
    length = rate
    starts = range(0, len(recording) - length + 1, length // 2)
    stretches = [fingerprint_of(f"{start / rate:04.1f}", recording[start : start + length], rate) for start in starts]
    twins = find_twins(stretches)
    assert len(starts) > 2 and len(twins.families()) == 1 and len(twins.families()[0]) == len(starts)
    assert all(pair.evidence == "same recording, 0.50 s shared" and not pair.whole for pair in twins.pairs)


def test_families_are_the_same_in_any_order_and_after_pickling(words: list) -> None:
    clips = [fingerprint_of(*word) for word in words[:30]]
    clips += [fingerprint_of(f"{name} again", *noisy(x, rate)) for name, x, rate in words[:10]]
    clips += [fingerprint_of(f"{name} once more", x, rate) for name, x, rate in words[:10]]
    twins = find_twins(clips)
    assert len(twins.families()) == 10 and all(len(family) == 3 for family in twins.families())
    shuffled = [clips[index] for index in np.random.default_rng(0).permutation(len(clips))]
    assert find_twins(pickle.loads(pickle.dumps(shuffled))) == twins
    known = {name for name, _, _ in words[:2]}
    assert twins.twins_in(known) == {f"{name} {again}" for name in known for again in ("again", "once more")}


def test_equal_samples_have_equal_digests_in_any_format(tmp_path: Path) -> None:
    samples = tone(1)
    write(tmp_path / "a.wav", samples)
    exact = soundfile.read(tmp_path / "a.wav")[0]
    write(tmp_path / "b.flac", exact)
    write(tmp_path / "c.wav", exact, subtype="PCM_24")
    write(tmp_path / "d.wav", np.stack([exact, exact], axis=1))
    write(tmp_path / "e.wav", exact, subtype="FLOAT")
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "f.wav").write_bytes(content + b"LIST\x04\x00\x00\x00INFO")
    write(tmp_path / "other.wav", exact, 16000)
    *same, other = decoded(tmp_path, ["a.wav", "b.flac", "c.wav", "d.wav", "e.wav", "f.wav", "other.wav"])
    assert len({clip.digest for clip in same}) == 1 and other.digest != same[0].digest
    twins = twins_of(same)
    assert len(twins.families()) == 1 and {pair.evidence for pair in twins.pairs} == {"same samples"}


def test_silence_clicks_tones_and_noise_are_no_twins() -> None:
    random = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    click = np.zeros(RATE)
    click[4000] = 1.0
    sounds = {
        **{f"zeros {n}": np.zeros(RATE + n) for n in range(3)},
        **{f"near silence {n}": 3e-5 * random.standard_normal(RATE) for n in range(3)},
        **{f"click {n}": np.roll(click, 100 * n)[: RATE - n] for n in range(3)},
        **{f"one sample {n}": np.full(n, 0.5) for n in range(1, 4)},
        **{f"tone {n}": 0.5 * np.sin(2 * np.pi * 440 * time + n) for n in range(4)},
        **{f"tone in noise {n}": tone(n) for n in range(40)},
        **{f"noise {n}": 0.1 * random.standard_normal(RATE) for n in range(10)},
    }
    assert find_twins([fingerprint_of(name, sound) for name, sound in sounds.items()]).pairs == ()
    assert find_twins([]).families() == ()


def test_what_cannot_be_read_and_what_should_be_silent_has_no_fingerprint(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(0))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    clips = [
        Clip("a.wav", "a", "train"),
        Clip("a.wav", "silence", "train", silent=True),
        Clip("broken.wav", "a", "train"),
    ]
    of_clips = decode_clips(tmp_path, clips, sample_rates=(8000,), seconds=1, progress=lambda done, total: None)
    assert [clip.fingerprint is not None for clip in of_clips] == [True, False, False]


def test_cats_and_dogs_are_221_recordings(shared_data: Path) -> None:
    root = shared_data / "audio-cats-and-dogs" / "cats_dogs"
    clips = decoded(root, sorted(path.name for path in root.glob("*.wav")))
    families = twins_of(clips).families()
    assert len(clips) - sum(map(len, families)) + len(families) == 221
    assert ("dog_barking_14.wav", "dog_barking_15.wav") in families
    assert any({"cat_5.wav", "cat_6.wav"} <= set(family) for family in families)


def test_takes_of_one_word_by_one_speaker_are_no_twins(shared_data: Path) -> None:
    root = shared_data / "free-spoken-digit-dataset" / "recordings"
    assert twins_of(decoded(root, sorted(path.name for path in root.glob("[05]_*.wav")))).pairs == ()

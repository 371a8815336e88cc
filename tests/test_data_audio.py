"""Decoding: every sample format, and every kind of file that gives no audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_audio import tone, write

from bench.data.audio_file import UnreadableClip, decode, header_seconds


def test_sixteen_bit_comes_through_unchanged(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 4000, dtype=np.int16)
    samples[:2] = -32768, 32767
    path = write(tmp_path / "a.wav", samples, subtype="PCM_16")
    assert np.array_equal(decode(path).at(8000), samples)


@pytest.mark.parametrize("subtype, steps", [("PCM_U8", 257), ("PCM_24", 1), ("PCM_32", 1), ("FLOAT", 1), ("DOUBLE", 1)])
def test_other_sample_formats_agree_to_their_own_step(tmp_path: Path, subtype: str, steps: int) -> None:
    wave = tone(1)
    path = write(tmp_path / "a.wav", wave, subtype=subtype)
    assert np.abs(decode(path).at(8000) - np.rint(wave * 32768)).max() <= steps


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_formats_hold_the_same_tone(tmp_path: Path, ending: str) -> None:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    samples = decode(write(tmp_path / f"a.{ending}", wave, 16000)).at(16000)
    spectrum = np.abs(np.fft.rfft(samples[:16000]))
    assert abs(len(samples) - 16000) <= 2400 and np.argmax(spectrum) == 440


def test_stereo_becomes_the_mean(tmp_path: Path) -> None:
    left, right = np.full(100, 1000, np.int16), np.full(100, -400, np.int16)
    path = write(tmp_path / "a.wav", np.stack([left, right], axis=1))
    assert np.array_equal(decode(path).at(8000), np.full(100, 300))


def test_float_beyond_one_is_clipped_not_wrapped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.array([1.5, -1.5, 0.0]), subtype="FLOAT")
    assert decode(path).at(8000).tolist() == [32767, -32768, 0]


def test_resampling_keeps_a_tone_and_removes_what_does_not_fit(tmp_path: Path) -> None:
    time = np.arange(22050) / 22050
    low, high = np.sin(2 * np.pi * 1000 * time) / 4, np.sin(2 * np.pi * 6000 * time) / 4
    samples = decode(write(tmp_path / "a.wav", low + high, 22050)).at(8000).astype(float)
    assert len(samples) == 8000
    expected = 8192 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    assert np.abs(samples - expected)[200:-200].max() < 30  # of 8192: 48 dB below the tone; 6 kHz would fold to 2 kHz


def test_a_stretch_is_that_part_of_the_file(tmp_path: Path) -> None:
    samples = np.arange(8000, dtype=np.int16)
    path = write(tmp_path / "a.wav", samples)
    assert np.array_equal(decode(path).stretch(0.25, 0.5).at(8000), samples[2000:4000])
    assert np.array_equal(decode(path).stretch(0.75).at(8000), samples[6000:])
    with pytest.raises(UnreadableClip, match="lasts 1 s"):
        decode(path).stretch(1.5)


def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("this is no audio " * 20)
    with pytest.raises(UnreadableClip, match="text, not audio"):
        decode(path)
    with pytest.raises(UnreadableClip, match="No such file"):
        decode(tmp_path / "none.wav")


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(UnreadableClip, match="0 bytes"):
        decode(tmp_path / "a.wav")
    with pytest.raises(UnreadableClip, match="no samples"):
        decode(write(tmp_path / "b.wav", np.zeros(0)))


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "aiff"])
def test_truncated(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", tone(0, 2.0, 44100), 44100)
    decode(path)  # whole
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableClip):
        decode(path)


def test_an_mp3_with_a_tag_is_whole_whatever_its_size_suggests(tmp_path: Path) -> None:
    """Without a Xing header the length is guessed from the file's size, so a picture in the tag makes it too long."""
    path = write(tmp_path / "a.mp3", tone(0, 2.0, 44100), 44100)
    content = path.read_bytes()
    tag = b"ID3\x03\x00\x00" + bytes([0, 3, 0x7F, 0x7F]) + bytes(3 * 2**14 + 2**14 - 1)
    assert b"Xing" in content[:200] or b"Info" in content[:200]
    path.write_bytes(tag + content[: len(content) // 2])
    with pytest.raises(UnreadableClip, match="truncated"):
        decode(path)
    path.write_bytes(tag + content.replace(b"Xing", bytes(4)).replace(b"Info", bytes(4)))
    with soundfile.SoundFile(path) as file:
        assert file.frames > len(file.read())  # the guess
    assert abs(decode(path).seconds - 2.0) < 0.1


def test_real_mp3_files_are_whole(shared_data: Path) -> None:
    files = sorted((shared_data / "philharmonia").rglob("saxophone*.mp3"))
    problems = []
    for path in files:
        try:
            decode(path)
        except UnreadableClip as error:
            problems.append((path.name, str(error)))
    assert len(files) > 10
    assert problems == [("saxophone_Fs3_15_fortissimo_normal.mp3", "empty: 0 bytes")]


def test_a_header_of_unknown_length_is_no_truncation(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0))
    content = bytearray(path.read_bytes())
    position = content.index(b"data") + 4
    content[position : position + 4] = b"\xff" * 4  # as programs that write to a pipe leave it
    path.write_bytes(content)
    assert len(decode(path).at(8000)) == 4000


def test_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(UnreadableClip, match="NaN"):
        decode(write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.1]), subtype="FLOAT"))


def test_silent_and_very_short_are_suspicious(tmp_path: Path) -> None:
    assert decode(write(tmp_path / "a.wav", np.zeros(8000))).suspicion() == "silent"
    assert decode(write(tmp_path / "b.wav", tone(0, 0.009))).suspicion() == "very short"
    assert decode(write(tmp_path / "c.wav", tone(0, 0.011))).suspicion() is None


def test_every_real_recording_of_one_speaker_decodes(shared_data: Path) -> None:
    files = sorted((shared_data / "free-spoken-digit-dataset" / "recordings").glob("*_theo_1?.wav"))
    assert len(files) == 100
    for path in files:
        samples = decode(path).at(16000)
        assert samples.dtype == np.int16 and samples.any()
        assert len(samples) == 2 * len(decode(path).at(8000))


def test_raw_samples_are_refused_as_such(tmp_path: Path) -> None:
    """soundfile asks for the format by a TypeError, whatever the file holds."""
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(8000))
    with pytest.raises(UnreadableClip, match="convert it to wav"):
        decode(path)
    assert header_seconds(path) is None

"""Sound that would be destroyed on its way into 16 bits is saved, or said with its remedy; all other sound is as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_audio import cats_and_dogs, prepared, tone, write

from bench.data.audio_file import decode
from bench.data.sound_levels import high_notes
from bench_plugins.datasets.folder import Folder


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("bits", [15, 23, 31])
def test_float_files_in_units_of_integers_keep_their_sound_and_level(tmp_path: Path, subtype: str, bits: int) -> None:
    wave = tone(0) * (30000 if bits == 15 else 60000) / 65536
    recording = decode(write(tmp_path / "a.wav", wave * 2.0**bits, subtype=subtype))
    assert np.abs(recording.waveform - wave).max() < 1e-6 and recording.changes == ("integers",)


@pytest.mark.parametrize("peak", [4.1, 10.0, 200.0])
def test_float_files_in_units_of_their_deviation_keep_their_sound(tmp_path: Path, peak: float) -> None:
    wave = tone(0)
    recording = decode(write(tmp_path / "a.wav", peak * wave / np.abs(wave).max(), subtype="FLOAT"))
    assert recording.changes == ("loud",) and 0.5 <= np.abs(recording.waveform).max() < 1
    assert np.corrcoef(recording.at(8000), wave)[0, 1] > 0.99999


def test_a_quiet_file_of_whole_numbers_is_one_of_integers(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).integers(-3, 4, 4000)
    assert decode(write(tmp_path / "a.wav", steps.astype(float), subtype="FLOAT")).at(8000).tolist() == steps.tolist()


@pytest.mark.parametrize("level", [1e-3, 1e-4, 1e-6])
def test_faint_float_files_are_scaled_up_and_keep_their_form(tmp_path: Path, level: float) -> None:
    wave = tone(0)
    recording = decode(write(tmp_path / "a.wav", level * wave / np.abs(wave).max(), subtype="FLOAT"))
    peak = np.abs(recording.waveform).max()
    if level == 1e-3:
        assert recording.changes == () and peak == pytest.approx(1e-3)
        return
    assert recording.changes == ("faint",) and 0.5 <= peak < 1
    assert np.corrcoef(recording.at(8000), wave)[0, 1] > 0.99999


@pytest.mark.parametrize("samples", [np.zeros(400), np.full(400, 1e-9)])
def test_silence_is_not_scaled_up(tmp_path: Path, samples: np.ndarray) -> None:
    recording = decode(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert recording.suspicion() == "silent" and recording.changes == ()


@pytest.mark.parametrize("share", [1.0, 0.999, 0.9])
def test_channels_that_cancel_out_leave_one(tmp_path: Path, share: float) -> None:
    wave = tone(0)
    recording = decode(write(tmp_path / "a.wav", np.stack([wave, -share * wave], 1), subtype="PCM_16"))
    assert recording.changes == ("cancelled",) and recording.channels == 2
    assert np.abs(recording.waveform - wave).max() < 1e-4


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_that_do_not_cancel_out_are_their_mean(tmp_path: Path, channels: int) -> None:
    """Strangers, one that alone has sound, and silence."""
    strangers = np.stack([tone(number) for number in range(channels)], 1)
    alone = strangers * (np.arange(channels) == 1)
    for samples in (strangers, alone, np.zeros_like(strangers)):
        path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
        assert decode(path).changes == ()
        assert np.array_equal(decode(path).waveform, samples.astype(np.float32).mean(axis=1, dtype=np.float32))


def test_what_is_mended_or_lost_is_said_by_kind(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    write(root / "cat" / "integers.wav", 20000 * tone(90), subtype="FLOAT")
    write(root / "cat" / "faint.wav", 1e-4 * tone(91), subtype="FLOAT")
    write(root / "dog" / "cancelled.wav", np.outer(tone(92), [1, -1]))
    write(root / "dog" / "quiet.wav", 1e-4 * tone(93), subtype="PCM_24")
    write(root / "dog" / "loud.wav", 3.5 * tone(94) / np.abs(tone(94)).max(), subtype="FLOAT")
    notes = prepared(Folder(path=str(root)), tmp_path).notes
    for words, remedy, clips in (
        ("1 clip of 45 has float samples in units of integers", "divided by the integers' full", "cat/integers.wav"),
        ("1 clip of 45 has float samples below 0.0005", "each scaled up to half of it", "cat/faint.wav"),
        ("1 clip of 45 has channels that cancel out", "the loudest channel is taken", "dog/cancelled.wav"),
        ("2 clips of 45 have samples that are too quiet for 16 bits, or too loud", "bring the files", "dog/quiet.wav)"),
    ):
        (note,) = [note for note in notes if note.startswith(words)]
        assert remedy in note and clips in note
    assert prepared(Folder(path=str(root)), tmp_path).notes == notes  # from the cache


def test_normal_clips_are_left_alone_without_a_word(tmp_path: Path) -> None:
    root = tmp_path / "own"
    for number, subtype in enumerate(("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE") * 4):
        write(
            root / ("cat", "dog")[number % 2] / f"{number}.wav",
            tone(number) * (0.02, 1, 2)[number % 3],
            subtype=subtype,
        )
    assert len(prepared(Folder(path=str(root)), tmp_path).notes) == 1  # on the cut


def test_calls_above_all_that_is_heard_are_said_at_every_rate_once_decoded_or_not(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    time = np.arange(19200) / 192000
    for number in range(2):
        high = 0.3 * np.sin(2 * np.pi * (9000, 40000)[number] * time) * np.hanning(len(time))
        write(root / "cat" / f"high{number}.wav", high, 192000, subtype="PCM_16")
    said = "they are recorded at up to 192,000 Hz: search higher rates, as by --set feature.mel.sample_rate=192000"

    def note(*rates: int) -> str:
        notes = [note for note in prepared(Folder(path=str(root)), tmp_path, *rates).notes if "under 1 %" in note]
        return notes[0] if notes else ""

    assert "left, since it is higher than half the sample rate: 2 at 8,000 Hz, of 42" in note(8000)
    assert "2 at 8,000 Hz, 1 at 22,050 Hz, of 42 (cat/high0.wav, cat/high1.wav)" in note(8000, 22050)
    assert said in note(22050) and "1 at 22,050 Hz, of 42 (cat/high1.wav)" in note(22050)
    assert note(96000) == "" and list(high_notes((), (8000,), 3)) == []

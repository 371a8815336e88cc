"""`mel` and `mfcc` are librosa's, to 1e-5 of the maximum: on a made clip, and on real recordings where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch

from bench_plugins.features import Mel, Mfcc, Spectrogram
from bench_plugins.features.framing import ShortTimeFeature

TOLERANCE = 1e-5

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"sample_rate": 22050, "window_ms": 92.88, "hop_ms": 23.22, "n_mels": 128, "f_min": 0.0},
    {"sample_rate": 8000, "window_ms": 25.0, "n_mels": 40, "f_min": 60.0, "f_max": 3800.0},
    {"window_ms": 30.0, "window": "hamming", "n_fft": 1024, "hop_ms": 16.0},
    # Half of this rate is no whole number, and its windows are odd.
    {"sample_rate": 11025, "window_ms": 25.0, "n_mels": 80},
)


def speech_like(sample_rate: int) -> np.ndarray:
    """A gliding harmonic tone with a fading end, noise and a stretch of silence: 0.8 s, [samples], float32."""
    time = np.arange(round(0.8 * sample_rate)) / sample_rate
    phase = 2 * np.pi * (120 * time + 40 * time**2)
    voiced = sum(np.sin(number * phase) / number for number in range(1, 20)) * np.exp(-3 * time)
    noise = np.random.default_rng(0).normal(0, 1e-3, time.size)
    clip = 0.3 * voiced + noise
    clip[: sample_rate // 10] = 0.0
    return clip.astype(np.float32)


def real_clips(shared_data: Path, sample_rate: int) -> list[np.ndarray]:
    """Every fortieth real clip of the digits zero and five."""
    paths = sorted(
        path for word in ("zero", "five") for path in (shared_data / "speech_commands_v0.01" / word).glob("*.wav")
    )
    return [librosa.load(path, sr=sample_rate)[0] for path in paths[::40]]


def librosa_power(feature: ShortTimeFeature, clip: np.ndarray, **mel: Any) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=clip,
        sr=feature.sample_rate,
        n_fft=feature.fft_points,
        hop_length=feature.hop_samples,
        win_length=feature.window_samples,
        window=feature.window,
        center=True,
        pad_mode="constant",
        **mel,
    )


def librosa_mel(mel: Mel, clip: np.ndarray) -> np.ndarray:
    power = librosa_power(mel, clip, n_mels=mel.n_mels, fmin=mel.f_min, fmax=mel.f_max)
    match mel.scale:
        case "linear":
            return power
        case "ln":
            return np.log(power + mel.log_offset)
        case "db":
            return librosa.power_to_db(power, top_db=mel.top_db)


def librosa_mfcc(mfcc: Mfcc, clip: np.ndarray) -> np.ndarray:
    power = librosa_power(mfcc, clip, n_mels=mfcc.n_mels, fmin=mfcc.f_min, fmax=mfcc.f_max)
    return librosa.feature.mfcc(S=librosa.power_to_db(power, top_db=mfcc.top_db), n_mfcc=mfcc.n_mfcc)


def assert_agrees(feature: ShortTimeFeature, clip: np.ndarray, expected: np.ndarray) -> None:
    given = feature.build()(torch.from_numpy(clip)[None])[0].numpy()
    assert given.shape == expected.shape == feature.shape(len(clip))
    assert np.abs(given - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("scale", ["linear", "ln", "db"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_mel_is_librosas(settings: dict[str, Any], scale: str) -> None:
    mel = Mel(**settings, scale=scale, normalise="none")
    clip = speech_like(mel.sample_rate)
    assert_agrees(mel, clip, librosa_mel(mel, clip))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_mfcc_is_librosas(settings: dict[str, Any]) -> None:
    mfcc = Mfcc(**settings, n_mfcc=20, normalise="none")
    clip = speech_like(mfcc.sample_rate)
    assert_agrees(mfcc, clip, librosa_mfcc(mfcc, clip))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050])
def test_real_recordings_give_librosas_mel_and_mfcc(shared_data: Path, sample_rate: int) -> None:
    clips = real_clips(shared_data, sample_rate)
    assert len(clips) >= 10
    for clip in clips:
        for scale in ("linear", "ln", "db"):
            mel = Mel(sample_rate=sample_rate, scale=scale, normalise="none")
            assert_agrees(mel, clip, librosa_mel(mel, clip))
        mfcc = Mfcc(sample_rate=sample_rate, normalise="none")
        assert_agrees(mfcc, clip, librosa_mfcc(mfcc, clip))


@pytest.mark.parametrize("power", [2.0, 1.0, 0.5])
def test_spectrogram_is_librosas_to_its_power(power: float) -> None:
    spectrogram = Spectrogram(window_ms=30.0, power=power, unit_window=False, normalise="none")
    clip = speech_like(16000)
    spectra = librosa.stft(clip, n_fft=512, hop_length=160, win_length=480, pad_mode="constant")
    assert_agrees(spectrogram, clip, np.abs(spectra) ** power)


def test_complex_spectrogram_is_librosas_over_the_windows_norm() -> None:
    spectrogram = Spectrogram(window_ms=30.0, power=None, normalise="none")
    clip = speech_like(16000)
    spectra = librosa.stft(clip, n_fft=512, hop_length=160, win_length=480, pad_mode="constant")
    spectra = spectra / np.sqrt(np.square(librosa.filters.get_window("hann", 480)).sum())
    assert_agrees(spectrogram, clip, np.stack((spectra.real, spectra.imag)))


def test_disagreement_would_be_seen() -> None:
    """The comparison is fine enough to tell a symmetric window or another mel scale from librosa's."""
    clip = speech_like(16000)
    mel = Mel(normalise="none")
    other = Mel(normalise="none", f_min=20.5)
    with pytest.raises(AssertionError):
        assert_agrees(other, clip, librosa_mel(mel, clip))


def quiet_beside_loud(sample_rate: int) -> np.ndarray:
    """A loud low tone over faint noise: bands that lie at the floor of the decibel scale, 0.5 s, [samples], float32."""
    time = np.arange(sample_rate // 2) / sample_rate
    noise = np.random.default_rng(1).normal(0, 2e-5, time.size)
    return (0.9 * np.sin(2 * np.pi * 220 * time) + noise).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050])
def test_mel_agrees_at_the_floor_of_the_decibels(sample_rate: int) -> None:
    """Where float32 may miss the tolerance, by up to twice as seen on recordings."""
    clip = quiet_beside_loud(sample_rate)
    mel = Mel(sample_rate=sample_rate, scale="db", normalise="none")
    assert_agrees(mel, clip, librosa_mel(mel, clip))

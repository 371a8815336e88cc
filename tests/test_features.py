"""What features promise beyond agreeing with librosa: shapes, scales, and clips that do not know of each other."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from bench.plugins import Feature
from bench_plugins.features import FEATURES, Mel, Mfcc, Spectrogram, Waveform

CONFIGS: tuple[Feature, ...] = (
    *(feature() for feature in FEATURES),
    *(Mel(scale=scale, normalise=over) for scale in ("linear", "ln", "db") for over in ("none", "clip", "band")),
    *(Spectrogram(power=power, normalise="none") for power in (2.0, 1.0, None)),
    Mfcc(normalise="none"),
    Mfcc(normalise="band"),
    Waveform(normalise="none"),
)


@pytest.mark.parametrize("feature", CONFIGS, ids=repr)
def test_a_clip_does_not_depend_on_its_batch(feature: Feature) -> None:
    """A loud companion would lift the decibel floor of a quiet clip, were it taken over the batch."""
    module = feature.build()
    quiet = 1e-3 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    quiet[:, 2000:] = 0.0
    alone = module(quiet)
    accompanied = module(torch.cat((quiet, torch.ones(1, 4000), 0.9 * torch.randn(3, 4000).clamp(-1, 1))))[:1]
    torch.testing.assert_close(accompanied, alone, rtol=1e-5, atol=1e-5 * max(1.0, float(alone.abs().max())))


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 1000, 15999, 16000])
@pytest.mark.parametrize("feature", CONFIGS[:4], ids=repr)
def test_shape_is_what_the_module_gives(feature: Feature, samples: int) -> None:
    given = feature.build()(torch.rand(2, samples))
    assert tuple(given.shape) == (2, *feature.shape(samples))
    assert given.dtype == torch.float32
    assert given.isfinite().all()


@pytest.mark.parametrize("feature", CONFIGS, ids=repr)
def test_silence_and_clipping_give_finite_values(feature: Feature) -> None:
    waveforms = torch.zeros(3, 8000)
    waveforms[1] = torch.where(torch.arange(8000) % 100 < 50, 1.0, -1.0)
    waveforms[2, 100] = 1.0
    assert feature.build()(waveforms).isfinite().all()


def test_reference_shapes() -> None:
    """Shapes of the reference systems: digits, instruments, thirty words."""
    digits = Mel(sample_rate=22050, window_ms=92.88, hop_ms=23.22, n_mels=128)
    assert (digits.fft_points, digits.window_samples, digits.hop_samples) == (2048, 2048, 512)
    assert digits.shape(22050) == (128, 44)
    instruments = Mfcc(sample_rate=12000, n_mfcc=13, n_mels=26, window_ms=25.0, hop_ms=10.42)
    assert instruments.window_samples == 300
    assert instruments.shape(6000) == (13, 49)
    words = Spectrogram(window_ms=30.0, hop_ms=10.0, power=None)
    assert (words.fft_points, words.window_samples, words.hop_samples) == (512, 480, 160)
    assert words.shape(16000) == (2, 257, 101)


@pytest.mark.parametrize("feature", [Mel(), Mfcc(normalise="band"), Spectrogram(), Waveform()], ids=repr)
def test_normalising_takes_the_level_out(feature: Feature) -> None:
    clip = 0.2 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    values = feature.build()(clip)
    assert float(values.mean()) == pytest.approx(0.0, abs=1e-3)
    assert float(values.std()) == pytest.approx(1.0, abs=1e-2)
    torch.testing.assert_close(feature.build()(clip / 2), values, atol=2e-2, rtol=0)


def test_decibel_floor_is_below_the_clips_own_maximum() -> None:
    module = Mel(scale="db", top_db=30.0, normalise="none").build()
    clip = torch.zeros(1, 16000)
    clip[:, 8000:] = torch.randn(8000, generator=torch.Generator().manual_seed(0))
    values = module(torch.cat((clip, clip / 100)))
    for levels in values:
        assert float(levels.max() - levels.min()) == pytest.approx(30.0, abs=1e-4)
    assert float(values[0].max() - values[1].max()) == pytest.approx(40.0, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n_fft": 256}, "shorter than the window"),
        ({"f_min": 9000.0}, "f_min"),
        ({"n_fft": 513}, "multiple of 2"),
        ({"n_mels": 0}, "greater than or equal to 1"),
        ({"nmels": 3}, "Extra inputs"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Mel(**options)


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ValidationError, match="do not give 65 coefficients"):
        Mfcc(n_mfcc=65)

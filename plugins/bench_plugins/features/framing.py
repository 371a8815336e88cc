"""Options of the short-time Fourier transform: what spectrogram, mel and mfcc have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from bench.plugins import Choice, Feature
from bench_plugins.front_ends.choices import Precision, WindowShape

if TYPE_CHECKING:
    from bench_plugins.front_ends.fourier import FourierFrames


class ShortTimeFeature(Feature):
    """A feature of overlapping windows, centred on their frames, with zeros beyond both ends (librosa's `center=True`).

    Lengths are in milliseconds, so that they mean the same at every sample rate that a search tries.
    """

    window_ms: Annotated[float, Choice(25.0, 32.0, 64.0), Field(gt=0)] = 32.0
    """Length of the analysis window, in ms, rounded to whole samples."""
    hop_ms: Annotated[float, Choice(10.0, 16.0), Field(gt=0)] = 10.0
    """Step from frame to frame, in ms, rounded to whole samples."""
    n_fft: Annotated[int | None, Field(ge=2, multiple_of=2)] = None
    """Points of the Fourier transform; None: the smallest power of two that holds the window."""
    window: WindowShape = "hann"
    """Shape of the window (periodic)."""
    precision: Literal["auto"] | Precision = "auto"
    """Arithmetic of the Fourier transform. float32 leaves a floor some 160 dB under a frame's loudest bin, which moved a
    band 80 dB down by up to 0.002 dB on recordings; float64 does not, and is twelve times slower on a CPU. auto: float64
    for decibels that are not standardised, where such a band is told apart from librosa's; float32 otherwise."""

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.n_fft is not None and self.n_fft < self.window_samples:
            raise ValueError(f"n_fft {self.n_fft} is shorter than the window of {self.window_samples} samples")
        return self

    @property
    def window_samples(self) -> int:
        """Length of the window in samples."""
        return max(1, round(self.window_ms * self.sample_rate / 1000))

    @property
    def hop_samples(self) -> int:
        """Step in samples."""
        return max(1, round(self.hop_ms * self.sample_rate / 1000))

    @property
    def fft_points(self) -> int:
        """Points of the Fourier transform, an even number."""
        return self.n_fft if self.n_fft is not None else max(2, 1 << (self.window_samples - 1).bit_length())

    @property
    def bins(self) -> int:
        """Frequencies of the transform, from 0 Hz to half the sample rate."""
        return self.fft_points // 2 + 1

    def frames(self, samples: int) -> int:
        """Frames of a clip of that many samples."""
        return 1 + samples // self.hop_samples

    @property
    def fourier_precision(self) -> Precision:
        """The precision that `precision` comes to."""
        return "float32" if self.precision == "auto" else self.precision

    def transform(self) -> FourierFrames:
        """Builds the transform of the feature's module."""
        from bench_plugins.front_ends.fourier import FourierFrames

        return FourierFrames(
            points=self.fft_points,
            hop=self.hop_samples,
            window=self.window,
            window_samples=self.window_samples,
            precision=self.fourier_precision,
        )

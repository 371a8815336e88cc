"""Augmentation of whole batches on the device; every draw comes from the generator that is handed in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bench.plugins import TrainingSettings

WHITE_SECONDS = 60
"""Length of the white noise that stands in where a data set brings no recorded noise."""
LOUDEST_SNR_SPAN = 30.0
"""Signal-to-noise ratios are drawn from the setting's value to this many dB above it."""


def changes_waveforms(settings: TrainingSettings) -> bool:
    """Whether anything random happens before the features: if not, they are computed once and kept."""
    return settings.time_shift > 0 or settings.noise_snr is not None or settings.gain > 0


class Augmentation:
    """The random changes of one trial, drawn from one generator."""

    def __init__(
        self, settings: TrainingSettings, *, sample_rate: int, noise: Tensor | None, generator: torch.Generator
    ) -> None:
        """`noise`: recorded background noise, float32 [samples]; white noise stands in where there is none, or less of it
        than a clip is long."""
        self._settings = settings
        self._sample_rate = sample_rate
        self._generator = generator
        self._noise = noise

    def waveforms(self, batch: Tensor) -> Tensor:
        """Shifts, mixes noise in, and changes the loudness of float32 waveforms [B, samples]."""
        settings = self._settings
        if settings.time_shift > 0:
            batch = shift(batch, self._shifts(len(batch), batch.shape[1]))
        if settings.noise_snr is not None:
            snr = settings.noise_snr + LOUDEST_SNR_SPAN * self._uniform(batch)
            batch = mix(batch, self._noise_like(batch), snr)
        if settings.gain > 0:
            decibels = settings.gain * (2 * self._uniform(batch) - 1)
            batch = batch * torch.pow(10.0, decibels / 20)[:, None]
        return batch

    def features(self, batch: Tensor, frames: Tensor | None = None) -> Tensor:
        """Masks a stretch of time and a stretch of bands of features [B, ..., bands, frames] with the clip's mean.

        `frames`, int64 [B]: how many of the last frames are the clip's own; what stands before them stays. None: all are.
        """
        if batch.dim() < 3:
            return batch
        settings = self._settings
        if settings.time_mask > 0:
            draws = (self._uniform(batch), self._uniform(batch))
            batch = mask(batch, dim=-1, share=settings.time_mask, draws=draws, frames=frames)
        if settings.frequency_mask > 0:
            draws = (self._uniform(batch), self._uniform(batch))
            batch = mask(batch, dim=-2, share=settings.frequency_mask, draws=draws, frames=frames)
        return batch

    def _uniform(self, batch: Tensor) -> Tensor:
        # Drawn on the CPU, so that the same seed makes the same draws on every device.
        return torch.rand(len(batch), generator=self._generator).to(batch.device, non_blocking=True)

    def _shifts(self, clips: int, samples: int) -> Tensor:
        furthest = min(round(self._settings.time_shift * self._sample_rate), samples - 1)
        return torch.randint(-furthest, furthest + 1, (clips,), generator=self._generator)

    def _noise_like(self, batch: Tensor) -> Tensor:
        """A random stretch of noise for every clip, [B, samples]."""
        clips, samples = batch.shape
        if self._noise is None or len(self._noise) < samples:
            # Drawn once and cut at random: drawing it anew for every batch takes ten times as long.
            drawn = torch.randn(samples + WHITE_SECONDS * self._sample_rate, generator=self._generator)
            self._noise = drawn.to(batch.device)
        starts = torch.randint(len(self._noise) - samples + 1, (clips,), generator=self._generator)
        return self._noise.unfold(0, samples, 1)[starts.to(batch.device, non_blocking=True)]


def shift(batch: Tensor, shifts: Tensor) -> Tensor:
    """Moves every clip of [B, samples] later by its number of samples (earlier where negative), zeros moved in.

    `shifts` is int64 [B] on the CPU.
    """
    furthest = int(shifts.abs().max())
    # Stretches of a padded batch are copied as rows: nineteen times as fast as gathering sample by sample.
    padded = functional.pad(batch, (furthest, furthest)).unfold(1, batch.shape[1], 1)
    starts = (furthest - shifts).to(batch.device, non_blocking=True)
    return padded[torch.arange(len(batch), device=batch.device), starts]


def mix(batch: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """Adds noise [B, samples] to every clip at its signal-to-noise ratio, in dB of mean power; silence stays silent."""
    # Of equal lengths, so that the ratio of the norms is that of the amplitudes.
    amplitude = torch.linalg.vector_norm(batch, dim=1)
    noise_amplitude = torch.linalg.vector_norm(noise, dim=1).clamp_min(1e-6)
    scale = amplitude / noise_amplitude * torch.pow(10.0, -snr / 20)
    return torch.addcmul(batch, noise, scale[:, None])


def mask(
    batch: Tensor, *, dim: int, share: float, draws: tuple[Tensor, Tensor], frames: Tensor | None = None
) -> Tensor:
    """Sets one stretch of up to `share` of dimension `dim` to the clip's mean; draws [B] in 0..1: its width and place.

    `frames`, int64 [B]: how many of the last frames of [B, ..., frames] are the clip's own, the others being zeros that are
    left as they are; None: all are.
    """
    size = batch.shape[dim]
    own = size if frames is None or dim != -1 else frames
    width, place = draws
    width = width * share * own
    start = place * (own - width) + (size - own)
    position = torch.arange(size, device=batch.device)[None, :]
    hidden = (position >= start[:, None].floor()) & (position < (start + width)[:, None].floor())
    shape = [len(batch)] + [1] * (batch.dim() - 1)
    shape[dim] = size
    hidden = hidden.view(shape)
    mean = batch.flatten(1).mean(dim=1)
    if frames is not None:
        longest = batch.shape[-1]
        mean = mean * (longest / frames)
        theirs = torch.arange(longest, device=batch.device) >= (longest - frames)[:, None]
        hidden = hidden & theirs.view(len(batch), *[1] * (batch.dim() - 2), longest)
    return torch.where(hidden, mean.view([len(batch)] + [1] * (batch.dim() - 1)), batch)

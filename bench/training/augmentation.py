"""Augments whole batches on the device; every draw comes from the generator that is passed in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from bench.plugins import Augmentation, TrainingBatch, TrainingSettings
from bench.training.loss import one_hot

WHITE_SECONDS = 60
"""Seconds of white noise that are used if a data set brings no recorded noise."""
SNR_SPAN = 30.0
"""Signal-to-noise ratios are drawn from the setting's value to this many dB above it."""


class Augmenter:
    """The random changes to the batches of one trial, drawn from one generator."""

    def __init__(
        self,
        settings: TrainingSettings,
        *,
        sample_rate: int,
        noise: Tensor | None,
        generator: torch.Generator,
        added: Sequence[Augmentation] = (),
        classes: int = 0,
    ) -> None:
        """Sets up the augmentation of a training.

        Args:
            settings: Which changes are made, and how strong they are.
            sample_rate: Rate of the waveforms in Hz.
            noise: Recorded background noise, float32 [samples]; white noise is used if there is none, or if it is shorter
                than a clip.
            generator: CPU generator of all draws.
            added: Augmentations of plugins, in the order in which they are made.
            classes: Number of classes; for `added` alone, which are given soft targets.
        """
        self._settings = settings
        self._sample_rate = sample_rate
        self._generator = generator
        self._noise = noise
        self._added = added
        self._classes = classes

    @property
    def changes_waveforms(self) -> bool:
        """Whether anything random happens before the features: if not, they are computed once and cached."""
        settings = self._settings
        own = settings.time_shift > 0 or settings.noise_snr is not None or settings.gain > 0
        return own or any(augmentation.on == "waveforms" for augmentation in self._added)

    def targets(self, classes: Tensor) -> Tensor:
        """The targets of examples of these classes, int64 [B]: soft, float32 [B, classes], if there are augmentations of
        plugins, which may mix examples."""
        return one_hot(classes, self._classes) if self._added else classes

    def waveform_batch(self, waveforms: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Changes waveforms [B, samples] and, if plugins mix examples, their targets."""
        batch = self._apply("waveforms", TrainingBatch(self.waveforms(waveforms), targets, self._sample_rate))
        return batch.inputs, batch.targets

    def input_batch(self, features: Tensor, targets: Tensor, frames: Tensor | None = None) -> TrainingBatch:
        """Changes features [B, ...] and, if plugins mix examples, their targets and numbers of frames."""
        return self._apply("inputs", TrainingBatch(self.features(features, frames), targets, self._sample_rate, frames))

    def _apply(self, stage: str, batch: TrainingBatch) -> TrainingBatch:
        for augmentation in self._added:
            takes_it = augmentation.on == "waveforms" if stage == "waveforms" else augmentation.on != "waveforms"
            if takes_it and not (augmentation.on == "features" and batch.inputs.dim() < 3):
                batch = augmentation.apply(batch, self._generator)
        return batch

    def waveforms(self, batch: Tensor) -> Tensor:
        """Shifts, mixes noise in, and changes the loudness of float32 waveforms [B, samples]."""
        settings = self._settings
        if settings.time_shift > 0:
            batch = shift(batch, self._shifts(len(batch), batch.shape[1]))
        if settings.noise_snr is not None:
            snr = settings.noise_snr + SNR_SPAN * self._uniform(batch)
            batch = mix(batch, self._noise_like(batch), snr)
        if settings.gain > 0:
            decibels = settings.gain * (2 * self._uniform(batch) - 1)
            batch = batch * torch.pow(10.0, decibels / 20)[:, None]
        return batch

    def features(self, batch: Tensor, frames: Tensor | None = None) -> Tensor:
        """Masks a stretch of time and a stretch of bands of features with the clip's mean.

        Args:
            batch: float32 [B, ..., bands, frames].
            frames: int64 [B], how many of the last frames are the clip's own; those before them are not changed. None if
                all are.
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
        # The numbers are drawn on the CPU, so that the same seed makes the same draws on every device.
        return torch.rand(len(batch), generator=self._generator).to(batch.device, non_blocking=True)

    def _shifts(self, clips: int, samples: int) -> Tensor:
        furthest = min(round(self._settings.time_shift * self._sample_rate), samples - 1)
        return torch.randint(-furthest, furthest + 1, (clips,), generator=self._generator)

    def _noise_like(self, batch: Tensor) -> Tensor:
        """A random stretch of noise for every clip, [B, samples]."""
        clips, samples = batch.shape
        if self._noise is None or len(self._noise) < samples:
            # The noise is drawn once and cut at random: drawing it anew for every batch takes ten times as long.
            white = torch.randn(samples + WHITE_SECONDS * self._sample_rate, generator=self._generator)
            self._noise = white.to(batch.device)
        starts = torch.randint(len(self._noise) - samples + 1, (clips,), generator=self._generator)
        return self._noise.unfold(0, samples, 1)[starts.to(batch.device, non_blocking=True)]


def shift(batch: Tensor, shifts: Tensor) -> Tensor:
    """Delays every clip by its number of samples, or advances it if that is negative; zeros move in.

    Args:
        batch: float32 [B, samples].
        shifts: int64 [B] on the CPU.
    """
    furthest = int(shifts.abs().max())
    # Stretches of a padded batch are copied at once: nineteen times as fast as gathering sample by sample.
    padded = functional.pad(batch, (furthest, furthest)).unfold(1, batch.shape[1], 1)
    starts = (furthest - shifts).to(batch.device, non_blocking=True)
    return padded[torch.arange(len(batch), device=batch.device), starts]


def mix(batch: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """Adds noise [B, samples] to clips [B, samples] at their signal-to-noise ratios [B], in dB of mean power.

    A silent clip stays silent.
    """
    # Both are of one length, so that the ratio of their norms is that of their amplitudes.
    amplitude = torch.linalg.vector_norm(batch, dim=1)
    noise_amplitude = torch.linalg.vector_norm(noise, dim=1).clamp_min(1e-6)
    scale = amplitude / noise_amplitude * torch.pow(10.0, -snr / 20)
    return torch.addcmul(batch, noise, scale[:, None])


def mask(
    batch: Tensor, *, dim: int, share: float, draws: tuple[Tensor, Tensor], frames: Tensor | None = None
) -> Tensor:
    """Sets one stretch of every clip's features to the clip's mean.

    Args:
        batch: float32 [B, ..., bands, frames].
        dim: The dimension that the stretch is of, -1 or -2.
        share: Greatest width of the stretch, as a share of the dimension.
        draws: Two tensors [B] in 0..1, which decide its width and its position.
        frames: int64 [B], how many of the last frames are the clip's own; the others are zeros that are not changed. None
            if all are.
    """
    size = batch.shape[dim]
    own = size if frames is None or dim != -1 else frames
    width_draw, start_draw = draws
    width = width_draw * share * own
    start = start_draw * (own - width) + (size - own)
    position = torch.arange(size, device=batch.device)[None, :]
    masked = (position >= start[:, None].floor()) & (position < (start + width)[:, None].floor())
    shape = [len(batch)] + [1] * (batch.dim() - 1)
    shape[dim] = size
    masked = masked.view(shape)
    mean = batch.flatten(1).mean(dim=1)
    if frames is not None:
        longest = batch.shape[-1]
        mean = mean * (longest / frames)
        of_clip = torch.arange(longest, device=batch.device) >= (longest - frames)[:, None]
        masked = masked & of_clip.view(len(batch), *[1] * (batch.dim() - 2), longest)
    return torch.where(masked, mean.view([len(batch)] + [1] * (batch.dim() - 1)), batch)

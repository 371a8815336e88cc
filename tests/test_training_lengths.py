"""Clips of their own lengths: their features, their batches, their masks."""

from __future__ import annotations

import pytest
import torch
from test_training_segments import clips_of

from bench.plugins import Feature, Infeasible, TrainingSettings
from bench.training.augmentation import Augmenter, mask
from bench.training.batches import bucketed
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.inputs import OwnLengthInputs, frames_of
from bench_plugins.features.mel import Mel
from bench_plugins.features.waveform import Waveform

LENGTHS = [4000, 1600, 4000, 2345, 900, 3999]


@pytest.fixture
def clips() -> DeviceClips:
    return clips_of(LENGTHS, [0, 1, 0, 1, 0, 1])


def inputs(clips: DeviceClips, feature: Feature, *, cache: bool, **wanted: float) -> OwnLengthInputs:
    settings = TrainingSettings(time_shift=0, **wanted)  # type: ignore[arg-type]
    augmentation = Augmenter(settings, sample_rate=8000, noise=None, generator=torch.Generator().manual_seed(2))
    return OwnLengthInputs(clips, FrontEnd(feature, torch.device("cpu")), augmentation if wanted else None, cache=cache)


@pytest.mark.parametrize("feature", [Mel(sample_rate=8000), Waveform(sample_rate=8000)])
@pytest.mark.parametrize("cache", [True, False])
def test_features_are_those_of_the_clip_alone_with_zeros_on_their_left(
    clips: DeviceClips, feature: Feature, cache: bool
) -> None:
    features, frames = inputs(clips, feature, cache=cache)(torch.tensor([4, 1, 3]))
    assert features.shape[-1] == frames.max() == feature.shape(2345)[-1]
    module = feature.build()
    for index, clip in enumerate([4, 1, 3]):
        alone = module(clips.waveforms(slice(clip, clip + 1))[:, : LENGTHS[clip]])[0]
        assert alone.shape[-1] == frames[index]
        torch.testing.assert_close(features[index, ..., -int(frames[index]) :], alone)
        assert features[index, ..., : -int(frames[index])].abs().sum() == 0


def test_masks_are_in_the_clips_own_frames_and_of_their_mean() -> None:
    batch = torch.zeros(2, 3, 10)
    frames = torch.tensor([4, 10])
    batch[0, :, 6:] = torch.randn(3, 4)
    batch[1] = torch.randn(3, 10)
    for start in (0.0, 0.5, 1.0):
        draws = (torch.full((2,), 0.99), torch.full((2,), start))
        masked = mask(batch, dim=-1, share=0.5, draws=draws, frames=frames)
        changed = masked != batch
        assert not changed[0, :, :6].any() and 1 <= changed[0, 0].sum() <= 2 and 4 <= changed[1, 0].sum() <= 5
        torch.testing.assert_close(masked[0][changed[0]], batch[0, :, 6:].mean().expand(int(changed[0].sum())))
        bands = mask(batch, dim=-2, share=0.7, draws=draws, frames=frames) != batch
        assert not bands[0, :, :6].any() and bands[0, :, 6:].any()


def test_masks_without_lengths_and_with_full_ones_are_the_same() -> None:
    batch, draws = torch.randn(3, 4, 9), (torch.rand(3), torch.rand(3))
    for dim in (-1, -2):
        full = mask(batch, dim=dim, share=0.5, draws=draws, frames=torch.full((3,), 9))
        torch.testing.assert_close(full, mask(batch, dim=dim, share=0.5, draws=draws))


def test_waveforms_are_augmented_before_their_padding(clips: DeviceClips) -> None:
    feature = Waveform(sample_rate=8000, normalise="none")
    features, frames = inputs(clips, feature, cache=False, noise_snr=0.0, time_mask=0.2)(torch.tensor([4, 0]))
    assert features[0, : 4000 - 900].abs().max() == 0 and frames.tolist() == [900, 4000]
    clean = clips.waveforms(torch.tensor([4, 0]))
    assert (features[0, -900:] != clean[0, :900]).float().mean() > 0.9


def test_batches_hold_clips_of_about_the_same_length_and_every_clip_once() -> None:
    lengths = torch.randint(1000, 90_000, (3000,), generator=torch.Generator().manual_seed(0))
    settings = TrainingSettings(batch_size=32)
    batches = list(bucketed(torch.zeros(3000).long(), lengths, settings, torch.Generator().manual_seed(1)))
    assert sorted(torch.cat(batches).tolist()) == list(range(3000))
    spread = torch.stack([lengths[batch].max() - lengths[batch].min() for batch in batches if len(batch) == 32])
    assert spread.float().mean() < 0.2 * 89_000
    middles = torch.stack([lengths[batch].float().mean() for batch in batches])
    assert (middles.diff() < 0).float().mean() > 0.3, "the batches themselves are shuffled"
    again = list(bucketed(torch.zeros(3000).long(), lengths, settings, torch.Generator().manual_seed(1)))
    assert all(torch.equal(one, other) for one, other in zip(batches, again, strict=True))


def test_a_clip_without_frames_is_infeasible() -> None:
    class OneFrameInAThousand(Waveform):
        def shape(self, samples: int) -> tuple[int, ...]:
            return (samples // 1000,)

    assert frames_of(OneFrameInAThousand(), torch.tensor([3500, 1000])).tolist() == [3, 1]
    with pytest.raises(Infeasible, match="of 900 samples"):
        frames_of(OneFrameInAThousand(), torch.tensor(LENGTHS))

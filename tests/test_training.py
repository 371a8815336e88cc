"""Augmentation, schedules, class balancing: on numbers that can be checked by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.plugins import TrainingSettings
from bench.training import evaluator, inputs, loader, loop
from bench.training.augmentation import Augmenter, mask, mix, shift
from bench.training.batches import batch_sizes, class_weights, draw_order
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.loop import train
from bench.training.optimisers import build_optimiser, build_schedule
from bench_plugins.features.waveform import Waveform


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shift_moves_and_fills_with_zeros() -> None:
    batch = torch.tensor([[1.0, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])
    moved = shift(batch, torch.tensor([1, -2, 0]))
    assert moved.tolist() == [[0, 1, 2, 3], [3, 4, 0, 0], [1, 2, 3, 4]]


def test_mix_reaches_the_asked_signal_to_noise_ratio() -> None:
    clean = torch.randn(3, 4000, generator=generator())
    noise = 5 * torch.randn(3, 4000, generator=generator(1))
    snr = torch.tensor([0.0, 10.0, 30.0])
    added = mix(clean, noise, snr) - clean
    measured = 10 * torch.log10(clean.square().mean(1) / added.square().mean(1))
    torch.testing.assert_close(measured, snr, atol=0.01, rtol=0)


def test_noise_added_to_silence_is_silence() -> None:
    assert mix(torch.zeros(1, 100), torch.randn(1, 100), torch.tensor([0.0])).abs().max() == 0


@given(size=st.integers(3, 60), share=st.floats(0.05, 0.9), width=st.floats(0, 0.999), start=st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_mask_hides_at_most_its_share_in_one_stretch(size: int, share: float, width: float, start: float) -> None:
    batch = torch.arange(2.0 * 4 * size).reshape(2, 4, size)
    draws = (torch.full((2,), width), torch.full((2,), start))
    masked = (mask(batch, dim=-1, share=share, draws=draws) != batch).any(1)
    for clip in masked:
        changed = clip.nonzero().flatten().tolist()
        assert len(changed) <= share * size + 1
        assert not changed or changed == list(range(changed[0], changed[-1] + 1))


def test_augmentation_repeats_for_a_seed_and_differs_between_seeds() -> None:
    wanted = TrainingSettings(time_shift=0.05, noise_snr=10.0, gain=6.0, time_mask=0.2, frequency_mask=0.2)
    batch = torch.randn(4, 800, generator=generator())

    def draw(seed: int) -> torch.Tensor:
        return Augmenter(wanted, sample_rate=8000, noise=None, generator=generator(seed)).waveforms(batch)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_recorded_noise_is_used_if_there_is_some() -> None:
    wanted = TrainingSettings(time_shift=0, noise_snr=0.0)
    recorded = torch.ones(2000)
    batch = torch.randn(2, 500, generator=generator())
    noisy = Augmenter(wanted, sample_rate=8000, noise=recorded, generator=generator()).waveforms(batch)
    added = noisy - batch
    torch.testing.assert_close(added, added[:, :1].expand_as(added), atol=1e-5, rtol=0)


def test_no_augmentation_changes_nothing() -> None:
    wanted = TrainingSettings(time_shift=0)
    batch = torch.randn(2, 500)
    augmentation = Augmenter(wanted, sample_rate=8000, noise=None, generator=generator())
    assert torch.equal(augmentation.waveforms(batch), batch)
    assert torch.equal(augmentation.features(batch[:, None]), batch[:, None])


def test_class_weights_are_inverse_to_sizes_with_mean_one_over_clips() -> None:
    targets = torch.tensor([0, 0, 0, 1])
    weights = class_weights(targets)
    assert weights[1] == pytest.approx(3 * weights[0])
    assert weights[targets].mean() == pytest.approx(1.0)


def test_sampling_draws_classes_with_equal_probability() -> None:
    targets = torch.tensor([0] * 900 + [1] * 100)
    drawn = targets[draw_order(targets, "sampling", generator())]
    assert 0.4 < drawn.float().mean() < 0.6
    assert sorted(draw_order(targets, "none", generator()).tolist()) == list(range(1000))


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [("constant", 1.0, 1.0), ("cosine", 1.0, 0.0), ("one-cycle", 0.04, 0.0), ("step", 1.0, 0.1)],
)
def test_schedules_begin_and_end_where_they_should(schedule: str, first: float, last: float) -> None:
    wanted = TrainingSettings(learning_rate=0.5, schedule=schedule, optimiser="adam")  # type: ignore[arg-type]
    optimiser = build_optimiser(nn.Linear(2, 2), wanted)
    steps = build_schedule(optimiser, wanted, 100)
    rates = []
    for _ in range(100):
        rates.append(steps.get_last_lr()[0])
        optimiser.step()
        steps.step()
    assert rates[0] == pytest.approx(0.5 * first)
    assert steps.get_last_lr()[0] == pytest.approx(0.5 * last, abs=1e-6)
    assert max(rates) <= 0.5 + 1e-9
    if schedule == "one-cycle":
        assert max(rates) == pytest.approx(0.5, rel=1e-3)


def test_biases_and_normalisation_are_spared_weight_decay() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    decayed, spared = build_optimiser(network, TrainingSettings(weight_decay=0.1)).param_groups
    assert [p.dim() for p in decayed["params"]] == [2] and decayed["weight_decay"] == 0.1
    assert len(spared["params"]) == 3 and spared["weight_decay"] == 0


@pytest.mark.parametrize(
    ("clips", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 4]), (3, 1, [1, 1, 1]), (1, 4, [1]), (1, 1, [1])],
)
def test_a_last_batch_of_one_clip_is_left_out_but_not_the_only_one(
    clips: int, batch_size: int, sizes: list[int]
) -> None:
    assert batch_sizes(clips, batch_size) == sizes


def test_features_are_computed_outside_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where features computed inside would be bfloat16: autocast is switched on for the CPU here."""
    for module in (loop, evaluator):
        monkeypatch.setattr(module, "autocast", lambda device: torch.autocast("cpu", dtype=torch.bfloat16))
    seen: list[tuple[str, bool]] = []

    class Inputs(inputs.Inputs):
        def with_targets(self, index: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
            seen.append(("features", torch.is_autocast_enabled("cpu")))
            return super().with_targets(index)

    class Network(nn.Linear):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            seen.append(("network", torch.is_autocast_enabled("cpu")))
            return super().forward(batch)

    for module in (loader, evaluator):
        monkeypatch.setattr(module, "Inputs", Inputs)
    clips = DeviceClips(
        ids=("a", "b", "c", "d"),
        groups=("",) * 4,
        targets=torch.tensor([0, 1, 0, 1]),
        samples=torch.randint(-9999, 9999, (4, 800), generator=generator(), dtype=torch.int16),
        lengths=torch.full((4,), 800),
    )
    wanted = TrainingSettings(epochs=1, batch_size=2, time_shift=0.01)
    epochs = train(
        Network(800, 2),
        FrontEnd(Waveform(sample_rate=8000), torch.device("cpu")),
        wanted,
        training=clips,
        validation=clips,
        classes=2,
        augmentation=Augmenter(wanted, sample_rate=8000, noise=None, generator=generator()),
        generator=generator(),
    )
    (epoch,) = epochs
    assert epoch.validation.logits.dtype == torch.float32
    assert set(seen) == {("features", False), ("network", True)}

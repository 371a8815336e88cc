"""Augmentations of plugins: those that ship, by their properties, and how a search chooses among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cli_runner
import plugin_packages
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
from bench.errors import BenchError
from bench.options import RunOptions
from bench.plugins import Augmentation, PluginConfig, TrainingBatch, TrainingSettings
from bench.plugins.contract_tests import check_augmentation
from bench.plugins.plugin_config import parse_chain, write_chain
from bench.plugins.registry import Registry, installed
from bench.results.study_folder import StudyFolder
from bench.search.plan import make_plan
from bench.search.space import SearchSpace
from bench.training.augmentation import Augmenter
from bench_plugins.augmentations import AUGMENTATIONS, CutOut, Mixup, OtherClips, RandomFilter, Reverberation, Speed
from bench_plugins.augmentations.time_masks import TimeMasks
from bench_plugins.batch_changes.masking import stretch
from bench_plugins.batch_changes.speed import at_speed

RATE = 8000
EXAMPLE = Path(__file__).parents[1] / "plugins" / "example"


def tone(hertz: float, samples: int = RATE) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(samples) / RATE)


def batch(inputs: torch.Tensor, frames: torch.Tensor | None = None) -> TrainingBatch:
    return TrainingBatch(inputs, torch.eye(len(inputs)), RATE, frames)


def made(augmentation: Augmentation, given_batch: TrainingBatch, seed: int = 0) -> TrainingBatch:
    return augmentation.apply(given_batch, torch.Generator().manual_seed(seed))


def hertz_of(clip: torch.Tensor) -> float:
    return float(torch.fft.rfft(clip * torch.hann_window(len(clip))).abs().argmax()) * RATE / len(clip)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda plugin: plugin.name)
def test_what_ships_keeps_the_contract(augmentation: type[Augmentation]) -> None:
    check_augmentation(augmentation)


def test_mixup_mixes_targets_as_it_mixes_inputs() -> None:
    eye = torch.eye(6)
    mixed = made(Mixup(alpha=1.0), batch(eye))
    assert torch.allclose(mixed.inputs, mixed.targets)
    assert ((mixed.targets > 0.01) & (mixed.targets < 0.99)).sum(dim=1).max() == 2
    frames = torch.tensor([1, 5, 2, 6, 3, 4])
    longer = made(Mixup(), batch(torch.ones(6, 2, 6), frames)).frames
    assert longer is not None and bool((longer >= frames).all())


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_speed_moves_a_tone_and_keeps_the_length(speed: float) -> None:
    played = at_speed(tone(1000.0)[None], speed)
    assert played.shape == (1, RATE)
    whole = min(RATE, int(RATE / speed))
    assert hertz_of(played[0, :whole]) == pytest.approx(1000 * speed, abs=4)
    assert not played[0, whole + 20 :].any()


def test_groups_of_a_batch_have_speeds_of_their_own_within_the_range() -> None:
    played = made(Speed(slowest=0.9, fastest=1.1, groups=4), batch(tone(1000.0).repeat(8, 1)))
    pitches = [hertz_of(clip[:7000]) for clip in played.inputs]
    assert all(880 < pitch < 1120 for pitch in pitches) and len({round(pitch) for pitch in pitches}) > 1
    assert pitches[::2] == pitches[1::2]


def test_a_random_filter_keeps_to_its_gain() -> None:
    noise = torch.randn(4, RATE, generator=torch.Generator().manual_seed(1))
    gains = torch.fft.rfft(made(RandomFilter(gain=6.0), batch(noise)).inputs).abs() / torch.fft.rfft(noise).abs()
    decibels = 20 * gains[:, 1:-1].log10()
    assert float(decibels.abs().max()) < 6.01 and float(decibels.std()) > 1


def test_reverberation_follows_a_click_and_decays() -> None:
    click = torch.zeros(3, RATE)
    click[:, 100] = 1.0
    wet = made(Reverberation(longest=0.4, driest=0.0), batch(click)).inputs
    assert not wet[:, :99].abs().gt(1e-5).any()  # nothing sounds before the click
    early, late = wet[:, 101:500].square().mean(dim=1), wet[:, 3500:3900].square().mean(dim=1)
    assert bool((early > 1000 * late).all()) and bool((early > 0).all())
    assert torch.allclose(wet.norm(dim=1), click.norm(dim=1), rtol=1e-4)


def test_other_clips_are_below_the_clip_by_their_ratio() -> None:
    clips = torch.stack([tone(500.0), 100 * tone(1500.0)])
    for seed in range(4):
        noise = made(OtherClips(snr=10.0), batch(clips), seed).inputs - clips
        snr = 20 * (clips.norm(dim=1) / noise.norm(dim=1)).log10()
        assert bool(((snr > 9.99) & (snr < 30.01)).all())


@given(st.integers(1, 40), st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0]), st.integers(0, 99), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_stretch_keeps_to_its_share_and_to_the_clips_own_frames(
    size: int, share: float, seed: int, own: bool
) -> None:
    frames = torch.arange(7) % size + 1 if own else None
    masked = stretch(batch(torch.zeros(7, 2, size), frames), -1, share, torch.Generator().manual_seed(seed))
    of_clip = torch.full((7,), size) if frames is None else frames
    assert bool((masked.sum(dim=1) <= share * of_clip + 1e-3).all())
    assert not bool((masked & (torch.arange(size) < (size - of_clip)[:, None])).any())
    assert bool((masked.int().diff(dim=1).abs().sum(dim=1) <= 2).all())  # one stretch


def test_a_time_mask_reaches_the_first_and_the_last_frame_alike() -> None:
    features = torch.arange(4000.0).view(1000, 1, 4).repeat_interleave(5, dim=2)
    masked = made(TimeMasks(share=0.2), batch(features)).inputs != features
    first, last = int(masked[:, 0, 0].sum()), int(masked[:, 0, -1].sum())
    # A stretch of 0 to 4 of 20 frames covers a frame at the end in 1/5 * (1/20 + 1/19 + 1/18 + 1/17) of all clips.
    assert first == pytest.approx(43, abs=20) and last == pytest.approx(43, abs=20)


def test_a_cut_out_is_a_rectangle_of_the_mean() -> None:
    features = torch.randn(50, 1, 10, 20, generator=torch.Generator().manual_seed(0))
    cut = made(CutOut(rectangles=1, share=0.4), batch(features)).inputs
    masked = (cut != features)[:, 0]
    bands, frames = masked.any(dim=2), masked.any(dim=1)
    assert torch.equal(masked, bands[:, :, None] & frames[:, None, :])
    assert 1 <= int(bands.sum(dim=1).max()) <= 4 and 1 <= int(frames.sum(dim=1).max()) <= 8
    clip = int(masked.flatten(1).any(dim=1).nonzero()[0])
    assert cut[clip, 0][masked[clip]].unique().item() == pytest.approx(float(features[clip].mean()), abs=1e-6)


def test_without_any_targets_and_draws_are_as_they_were() -> None:
    generator = torch.Generator().manual_seed(3)
    augmenter = Augmenter(TrainingSettings(), sample_rate=RATE, noise=None, generator=generator)
    classes = torch.tensor([0, 2])
    assert augmenter.targets(classes) is classes
    shifted = Augmenter(
        TrainingSettings(), sample_rate=RATE, noise=None, generator=torch.Generator().manual_seed(3)
    ).waveforms(tone(400.0).repeat(2, 1))
    waveforms, targets = augmenter.waveform_batch(tone(400.0).repeat(2, 1), classes)
    assert torch.equal(waveforms, shifted) and targets is classes


def test_features_are_cached_unless_waveforms_change() -> None:
    still = TrainingSettings(time_shift=0.0)

    def changes(*added: Augmentation) -> bool:
        generator = torch.Generator()
        return Augmenter(still, sample_rate=RATE, noise=None, generator=generator, added=added).changes_waveforms

    assert not changes() and not changes(Mixup(), CutOut()) and changes(Mixup(), Speed())


def test_what_is_of_bands_and_frames_leaves_waveforms_as_features_alone() -> None:
    clips, targets = torch.randn(3, 50), torch.eye(3)
    generator = torch.Generator().manual_seed(0)
    augmenter = Augmenter(
        TrainingSettings(), sample_rate=RATE, noise=None, generator=generator, added=(CutOut(), TimeMasks()), classes=3
    )
    assert augmenter.input_batch(clips, targets).inputs is clips


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("", []),
        ("mixup", [("mixup", {})]),
        (" mixup:alpha=0.2 , speed ", [("mixup", {"alpha": 0.2}), ("speed", {})]),
        ("speed:slowest=0.9,fastest=1.1,cut-out", [("speed", {"slowest": 0.9, "fastest": 1.1}), ("cut-out", {})]),
        ("x:kind=soft,n=null", [("x", {"kind": "soft", "n": None})]),
    ],
)
def test_a_text_names_augmentations_with_options(text: str, chain: list[tuple[str, dict[str, object]]]) -> None:
    parsed = parse_chain(text)
    assert parsed == tuple(PluginConfig(name=name, options=options) for name, options in chain)
    assert parse_chain(write_chain(parsed)) == parsed
    assert TrainingSettings(augmentations=text).augmentations == write_chain(parsed)


@pytest.mark.parametrize("text", ["mixup,,speed", "alpha=0.2", "mixup:0.2", "mixup,mixup", ":alpha=1"])
def test_a_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        TrainingSettings(augmentations=text)


def plan(**chosen: object) -> SearchSpace:
    return make_plan(installed(), installed().datasets["fsdd"](), RunOptions(models=("cnn",), settings=chosen)).space


def test_a_search_without_them_is_what_it_was() -> None:
    space = plan().as_json()
    assert not [name for part in space.values() for name in part if "augmentation" in name]


def test_a_search_chooses_and_their_options_are_searched_with_them() -> None:
    import optuna

    space = plan(**{"training.augmentations": ["", "mixup", "speed:slowest=0.9,cut-out"]})
    ranges = space.ranges
    assert "augmentation.mixup.alpha" in ranges and "augmentation.cut-out.share" in ranges
    assert "augmentation.speed.slowest" not in ranges
    seen = set()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(12):
        proposed = space.suggest(study.ask())
        chain = parse_chain(proposed.training.augmentations)
        seen.add(tuple(config.name for config in chain))
        for config in chain:
            assert installed().augmentation(config).config() == config  # all options are in it
        parameters = space.parameters(proposed)
        again = space.suggest(optuna.trial.FixedTrial(parameters))
        assert again == proposed
    assert seen == {(), ("mixup",), ("speed", "cut-out")}


def test_candidates_have_what_the_user_names() -> None:
    options = RunOptions(
        models=("cnn",), settings={"training.augmentations": "mixup, speed", "augmentation.mixup.alpha": 0.5}
    )
    found = make_plan(installed(), installed().datasets["fsdd"](), options)
    for candidate in found.candidates:
        assert candidate.configuration.training.augmentations.startswith("mixup:alpha=0.5,speed:slowest=0.8,")
        assert found.space.parameters(candidate.configuration)["augmentation.speed.fastest"] == 1.25


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"training.augmentations": "mixupp"}, "unknown augmentation 'mixupp': did you mean mixup?"),
        ({"training.augmentations": "mixup:alfa=1"}, "augmentation mixup has no option 'alfa': did you mean alpha?"),
        ({"training.augmentations": "mixup:alpha=-1"}, "augmentation mixup: option 'alpha'"),
        ({"training.augmentations": ["", "mixup:2"]}, "write NAME or NAME:OPTION=VALUE"),
        ({"augmentation.mixup.alpha": 1}, "--set augmentation.mixup.alpha: no such option here"),
        ({"training.augmentations": "mixup:alpha=1", "augmentation.mixup.alpha": 1}, "gives it, too"),
    ],
)
def test_what_is_wrong_is_said(chosen: dict[str, object], complaint: str) -> None:
    with pytest.raises(BenchError) as error:
        plan(**chosen)
    assert complaint in str(error.value)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """What is installed, and the example package from outside."""
    site = tmp_path_factory.mktemp("site")
    (site / "bench_example").symlink_to(EXAMPLE / "bench_example")
    plugin_packages.describe(site, "bench-example", "bench_example")
    with cli_runner.plugins_at(site):
        yield installed()


def test_a_search_runs_an_augmentation_from_outside(registry: Registry, tmp_path: Path) -> None:
    assert "tremolo" in registry.augmentations
    study = bench.run(
        "timbres",
        features=["band-envelope"],
        models=["band-mlp"],
        trials=3,
        epochs=1,
        workers=0,
        finalists=1,
        final_seeds=1,
        settings={"training.augmentations": ["tremolo,mixup"], "training.weight_average": 0.5},
        data_dir=tmp_path / "data",
        results=tmp_path / "results",
        tracking_uri="none",
    )
    folder = StudyFolder(study.folder)
    runs = [*folder.trials(), *folder.finals()]
    assert len(runs) == 4 and all(run.result.status == "complete" for run in runs)
    for run in runs:
        assert run.spec.training.augmentations.startswith("tremolo:depth=")
        assert run.spec.code["augmentation tremolo"] == registry.code("augmentation", "tremolo")
        assert set(run.spec.code) == {"feature", "model", "augmentation tremolo", "augmentation mixup"}
    assert (
        len({run.spec.training.augmentations for run in runs[:3]}) == 2
    )  # after the recipe and the defaults, options are searched

"""The contract tests: every installed plugin passes them, and every broken one is told what is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from bench.plugins import Choice, Clip, Dataset, Feature, Float, Infeasible, Int, Listing, Model, PluginConfig, Recipe
from bench.plugins.contract_tests import (
    check_dataset,
    check_declaration,
    check_feature,
    check_model,
    check_recipe,
    configurations,
)
from bench.plugins.registry import installed
from bench.plugins.training_settings import TrainingSettings

FOUND = installed()


@pytest.mark.parametrize("name", FOUND.features)
def test_installed_feature(name: str) -> None:
    check_feature(FOUND.features[name])


@pytest.mark.parametrize("name", FOUND.models)
def test_installed_model(name: str) -> None:
    model = FOUND.models[name]
    check_model(narrowed(model) if name in WIDE else model)


WIDE = ("cnn6", "cnn10", "cnn14")
"""Networks of 5 to 80 million weights, which tell nothing of the contract that some thousands do not."""


def narrowed(model: type[Model]) -> type[Model]:
    class Narrowed(model):  # type: ignore[misc, valid-type]
        width: Annotated[int, Choice(1, 2)] = 2
        """Channels of the first block."""

    Narrowed.__doc__ = model.__doc__
    return Narrowed


@pytest.mark.parametrize("name", FOUND.recipes)
def test_installed_recipe(name: str) -> None:
    check_recipe(FOUND.recipes[name], FOUND)


@pytest.mark.parametrize("name", [name for name, dataset in FOUND.datasets.items() if dataset.argument is None])
def test_installed_dataset(name: str) -> None:
    check_dataset(FOUND.datasets[name])


def test_configurations_reach_both_ends_of_every_range() -> None:
    class Ranged(Model):
        """Three ranges."""

        name: ClassVar[str] = "ranged"
        units: Annotated[int, Int(2, 8, step=2)] = 4
        rate: Annotated[float, Float(0.1, 0.9)] = 0.5
        kind: Annotated[str, Choice("a", "b", "c")] = "b"

        def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
            return nn.Identity()

    seen = list(configurations(Ranged))
    assert {2, 8} <= {config.units for config in seen} <= {2, 4, 6, 8}
    assert {0.1, 0.9} <= {config.rate for config in seen}
    assert {config.kind for config in seen} == {"a", "b", "c"}


class Sound(Feature):
    """A feature without fault."""

    name: ClassVar[str] = "sound"

    def build(self) -> nn.Module:
        return nn.Identity()

    def shape(self, samples: int) -> tuple[int, ...]:
        return (samples,)


class OverTheBatch(nn.Module):
    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms - waveforms.amax()


class Learns(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.gain * waveforms


class Log(nn.Module):
    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms.abs().log()


class Random(nn.Module):
    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms + torch.rand_like(waveforms)


class StaysBehind(nn.Module):
    """Keeps a tensor that does not move with the module."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.ones(1)
        self.eye = torch.eye(4)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.one


class StaysBehindInAProduct(StaysBehind):
    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs[..., None] @ self.eye[:1])[..., 0]  # the meta device itself lets this pass


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        (StaysBehind(), "a tensor stays on the CPU"),
        (StaysBehindInAProduct(), "a tensor stays on the CPU"),
        (OverTheBatch(), "depends on the rest of its batch"),
        (Learns(), "trainable parameters: gain"),
        (Log(), "NaN or infinity"),
        (Random(), "another output the second time"),
        (nn.ConstantPad1d(1, 0.0), r"gives \(3, 3\), shape\(\) says \(3, 1\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_broken_features_are_told_why(module: nn.Module, complaint: str) -> None:
    class Broken(Sound):
        """A feature with a fault."""

        def build(self) -> nn.Module:
            return module

    check_feature(Sound)
    with pytest.raises(AssertionError, match=complaint):
        check_feature(Broken)


class OverTheBatchAtTimes(Sound):
    """Takes the maximum of the batch with one of its options."""

    relative: Annotated[bool, Choice(False, True)] = False
    """Whether to."""

    def build(self) -> nn.Module:
        return OverTheBatch() if self.relative else nn.Identity()


def test_every_option_is_checked_for_the_rest_of_the_batch() -> None:
    with pytest.raises(AssertionError, match=r"rest of its batch.*'relative': True"):
        check_feature(OverTheBatchAtTimes)


class ReadsValues(nn.Module):
    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms if waveforms.abs().max().item() < 2 else waveforms / 2


def test_reading_a_value_is_no_fault() -> None:
    class Reads(Sound):
        """Reads a value, which the meta device does not have."""

        def build(self) -> nn.Module:
            return ReadsValues()

    check_feature(Reads)


class Linear(Model):
    """A model without fault."""

    name: ClassVar[str] = "linear"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        if len(shape) != 2:
            raise Infeasible("linear takes [bands, frames]")
        return self.network(shape[0], shape[1], classes)

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(bands * frames, classes))


class Softmax(Linear):
    """Returns probabilities."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return nn.Sequential(super().network(bands, frames, classes), nn.Softmax(dim=1))


class WrongShape(Linear):
    """Returns one logit too many."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return super().network(bands, frames, classes + 1)


class Unused(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.spare = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)


class SpareLayer(Linear):
    """Has a layer that nothing uses."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return Unused(super().network(bands, frames, classes))


class Unseeded(Linear):
    """Draws its weights from elsewhere."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        network = super().network(bands, frames, classes)
        nn.init.normal_(network[1].weight, generator=GENERATOR if network[1].weight.device.type == "cpu" else None)  # type: ignore[index]
        return network


GENERATOR = torch.Generator().manual_seed(0)


class OneNorm(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits - logits.mean(dim=0)


class LeavesATensorBehind(Linear):
    """Keeps a tensor that does not move with the network."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return nn.Sequential(super().network(bands, frames, classes), StaysBehind())


class AcrossTheBatch(Linear):
    """Subtracts the mean over the batch."""

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return nn.Sequential(super().network(bands, frames, classes), OneNorm())


class RaisesOnWaveforms(Linear):
    """Raises something else than Infeasible."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        bands, frames = shape
        return self.network(bands, frames, classes)


class RefusesAll(Linear):
    """Takes nothing."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        raise Infeasible("never")


class MeanNetwork(nn.Module):
    """A linear layer on the mean of a clip's own frames."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(bands, classes)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        own = features.shape[-1] if lengths is None else lengths[:, None]
        return self.linear(features.sum(-1) / own)


class MeanOverPadding(MeanNetwork):
    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(features)


class LengthsOnTheCpu(MeanNetwork):
    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None:
            return super().forward(features)
        own = torch.arange(features.shape[-1]) >= features.shape[-1] - lengths[:, None]
        return self.linear((features * own[:, None]).sum(-1) / lengths[:, None])


class Mean(Linear):
    """Takes clips of any length."""

    any_length: ClassVar[bool] = True
    kind: ClassVar[type[MeanNetwork]] = MeanNetwork

    def network(self, bands: int, frames: int, classes: int) -> nn.Module:
        return self.kind(bands, classes)


class CountsPadding(Mean):
    """Averages over the padding too."""

    kind: ClassVar[type[MeanNetwork]] = MeanOverPadding


class LeavesLengthsBehind(Mean):
    """Makes a tensor on the CPU where it is told lengths."""

    kind: ClassVar[type[MeanNetwork]] = LengthsOnTheCpu


class TakesNoLengths(Linear):
    """Says that it takes any length, and takes none."""

    any_length: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (CountsPadding, "the zeros that pad a clip on the left change its logits"),
        (LeavesLengthsBehind, "a tensor stays on the CPU"),
        (TakesNoLengths, r"frames raise TypeError.*module\(features, lengths=None\)"),
    ],
)
def test_models_that_wrongly_claim_any_length_are_told_why(model: type[Model], complaint: str) -> None:
    check_model(Mean)
    with pytest.raises(AssertionError, match=complaint):
        check_model(model)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (Softmax, "return logits"),
        (WrongShape, "answers with 8 columns, and the data set has 7 classes"),
        (SpareLayer, "no gradient reaches spare.weight, spare.bias"),
        (Unseeded, "differ for the same seed"),
        (LeavesATensorBehind, "a tensor stays on the CPU"),
        (AcrossTheBatch, "logits depend on the rest of its batch"),
        (RaisesOnWaveforms, "raise Infeasible where a shape cannot be taken"),
        (RefusesAll, "takes none of the common shapes"),
    ],
)
def test_broken_models_are_told_why(model: type[Model], complaint: str) -> None:
    check_model(Linear)
    with pytest.raises(AssertionError, match=complaint):
        check_model(model)


class BadName(Sound):
    """A name with a space."""

    name: ClassVar[str] = "Bad Name"


class NoDocstring(Sound):
    pass


class NoFieldDocstring(Sound):
    """An option that nobody explains."""

    gain: float = 1.0


class DefaultOutside(Sound):
    """A default outside its range."""

    gain: Annotated[float, Float(0.0, 1.0)] = 2.0
    """Gain."""


class RefusesItsRange(Sound):
    """A range wider than what is accepted."""

    sample_rate: Annotated[int, Choice(8000, 16000)] = 16000
    """Rate."""
    gain: Annotated[int, Int(1, 4)] = 1
    """Gain."""

    def model_post_init(self, context: object) -> None:
        if self.gain > 3:
            raise ValueError("too loud")


class Changeable(Sound):
    """An option that can be changed."""

    model_config = ConfigDict(frozen=False)
    gain: float = 1.0
    """Gain."""


@pytest.mark.parametrize(
    ("plugin", "complaint"),
    [
        (BadName, "'Bad Name' is not lower-case"),
        (NoDocstring, "NoDocstring has no docstring"),
        (NoFieldDocstring, "option 'gain' has no docstring"),
        (DefaultOutside, "2.0 is outside the range 0 to 1"),
        (RefusesItsRange, "too loud"),
        (Changeable, "can be changed after building"),
    ],
)
def test_broken_declarations_are_told_why(plugin: type[Feature], complaint: str) -> None:
    check_declaration(Sound)
    with pytest.raises(AssertionError, match=complaint):
        check_declaration(plugin)


CLIPS = tuple(Clip(f"{split}-{label}.wav", label, split) for split in ("train", "validation", "test") for label in "ab")


class Listed(Dataset):
    """A data set whose listing is given."""

    name: ClassVar[str] = "listed"
    folder: ClassVar[str] = "listed"
    listing: ClassVar[tuple[Clip, ...]] = CLIPS

    def labels(self) -> tuple[str, ...]:
        return ("a", "b")

    def clips(self, root: Path) -> Listing:
        return Listing(self.listing)

    def prepare(self, root: Path, progress: object) -> None:
        root.mkdir()


@pytest.mark.parametrize(
    ("clips", "complaint"),
    [
        ((), "found nothing"),
        ((*CLIPS, Clip("train-a.wav", "a", "test")), "same path and stretch"),
        ((*CLIPS, Clip("train-a.wav", "c", "train", start=1.0)), "'c', which labels"),
        ((*CLIPS, Clip("gone.wav", "a", "train")), "gone.wav has no file"),
        ((*CLIPS, Clip("../train-a.wav", "a", "train")), "not relative"),
        ((*CLIPS, Clip("train-a.wav", "a", "train", start=2.0, end=1.0)), "ends before it starts"),
        (CLIPS[:-1], "the test split has no clip of class 'b'"),
    ],
)
def test_broken_listings_are_told_why(tmp_path: Path, clips: tuple[Clip, ...], complaint: str) -> None:
    class Broken(Listed):
        """A listing with a fault."""

        listing: ClassVar[tuple[Clip, ...]] = clips

    for clip in CLIPS:
        (tmp_path / clip.path).touch()
    check_dataset(Listed, root=tmp_path)
    with pytest.raises(AssertionError, match=complaint):
        check_dataset(Broken, root=tmp_path)


def recipe(**changes: object) -> Recipe:
    parts = {
        "name": "some-recipe",
        "summary": "A recipe.",
        "datasets": ("fsdd",),
        "feature": PluginConfig(name="mel"),
        "model": PluginConfig(name="cnn"),
        "training": TrainingSettings(),
    }
    return Recipe.model_validate({**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"summary": " "}, "no summary"),
        ({"published": {"test_accuracy": 84.29}}, "not a share"),
        ({"datasets": ("elsewhere",)}, "none of its data sets is installed"),
        ({"feature": PluginConfig(name="waveform")}, "cannot take its feature's shape"),
    ],
)
def test_broken_recipes_are_told_why(changes: dict[str, object], complaint: str) -> None:
    check_recipe(recipe(), FOUND)
    with pytest.raises(AssertionError, match=complaint):
        check_recipe(recipe(**changes), FOUND)


class Short(Listed):
    """Clips of 50 ms."""

    name: ClassVar[str] = "short"

    def seconds(self) -> float:
        return 0.05


def test_a_recipe_is_checked_at_the_clip_length_of_its_data_sets() -> None:
    found = replace(FOUND, datasets={**FOUND.datasets, "short": Short})
    check_recipe(recipe(model=PluginConfig(name="crnn")), found)
    with pytest.raises(AssertionError, match=r"cannot take its feature's shape \[40, 6\] \(0.05 s\)"):
        check_recipe(recipe(model=PluginConfig(name="crnn"), datasets=("fsdd", "short")), found)

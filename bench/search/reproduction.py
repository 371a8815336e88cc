"""A recipe or a row of a leaderboard that is to be run again: its specifications, and what was published of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from bench.data.prepared import PreparedData
from bench.errors import BenchError, did_you_mean
from bench.plugins import PluginConfig, Recipe, Split, TrainingSettings
from bench.plugins.annotations import Scalar
from bench.plugins.contracts import SPLITS
from bench.plugins.registry import first_complaint
from bench.results.study_records import ReproductionRecord
from bench.search.finals import final_seed
from bench.trial import Hardware, TrialSpec


@dataclass(frozen=True)
class Reproduction:
    """What is run again, and what was published of it."""

    name: str
    """Name of a recipe, or id of a row."""
    folder: str
    """Name of the folder of its results, without its `reproduce-`."""
    title: str
    dataset: PluginConfig
    specs: tuple[TrialSpec, ...]
    """One for each seed."""
    published: tuple[Mapping[str, float], ...]
    """Figures by name, see Recipe.published; one mapping for each seed."""
    published_clips: Mapping[Split | Literal["all"], int] = field(default_factory=dict)
    """Number of clips by split that the figures are of."""
    changed: Mapping[str, tuple[Scalar, Scalar]] = field(default_factory=dict)
    """Settings that are not left as published, by name: the published value, and the one here."""
    recipe: bool = False
    """Whether it is a recipe; a row of a leaderboard otherwise."""
    hardware: Hardware | None = None
    """What the published numbers were computed on: another device, thread count or version gives other weights."""

    def record(self, data: PreparedData, here: Hardware, *, command: str) -> ReproductionRecord:
        """Returns what is saved of it beside its runs."""
        return ReproductionRecord(
            name=self.name,
            title=self.title,
            recipe=self.recipe,
            command=command,
            dataset=self.dataset,
            data=data,
            published=tuple(dict(figures) for figures in self.published),
            changed=dict(self.changed),
            differences=tuple(self.differences(data, here)),
        )

    def differences(self, data: PreparedData, here: Hardware) -> list[str]:
        """Returns lines on what differs here from when it was published, by which the numbers will differ, too."""
        lines = []
        if self.specs[0].revision not in ("", data.revision):
            lines.append(
                f"the files of {self.dataset.name} are not those of the published row "
                f"(revision {self.specs[0].revision}, here {data.revision}): its numbers are not expected to return"
            )
        for split, published in self.published_clips.items():
            here_now = sum(map(data.clips, SPLITS)) if split == "all" else data.clips(split)
            if here_now != published:
                where = "in all" if split == "all" else f"in {split}"
                lines.append(
                    f"published with {published:,} clips {where}, here {here_now:,}: the figures are of other data"
                )
        if self.hardware is None:
            return lines
        then = {"the device": self.hardware.device, "the system": self.hardware.system, **self.hardware.versions}
        now = {"the device": here.device, "the system": here.system, **here.versions}
        return lines + [
            f"{name} is {now[name]} here, {was} in the published row"
            for name, was in then.items()
            if name in now and now[name] != was
        ]


def of_recipe(
    recipe: Recipe, dataset: PluginConfig, *, folder: str, settings: Mapping[str, Any], seeds: int
) -> Reproduction:
    """A recipe on a data set, with the `training.` settings given. Its published figures go with the data set that they
    are of, whatever its options.

    Raises BenchError on settings that a recipe does not have.
    """
    before = recipe.training.model_dump(mode="json")
    training = _changed(recipe, settings)
    now = training.model_dump(mode="json")
    published = recipe.published if dataset.name == protocol(recipe).name else {}
    return Reproduction(
        name=recipe.name,
        folder=folder,
        title=f"recipe {recipe.name} on {dataset.name}",
        dataset=dataset,
        specs=tuple(
            TrialSpec(
                dataset=dataset,
                revision="",
                feature=recipe.feature,
                model=recipe.model,
                training=training,
                seed=final_seed(0, repeat),
            )
            for repeat in range(seeds)
        ),
        published=tuple(dict(published) for _ in range(seeds)),
        published_clips=recipe.published_clips if published else {},
        changed={name: (before[name], now[name]) for name in now if before[name] != now[name]},
        recipe=True,
    )


def _changed(recipe: Recipe, settings: Mapping[str, Any]) -> TrainingSettings:
    known = {f"training.{name}" for name in TrainingSettings.model_fields}
    for name in settings:
        if name not in known:
            raise BenchError(
                f"--set {name}: of a recipe only dataset. and training. settings can be changed, {did_you_mean(name, known)}"
            )
    values = {name.removeprefix("training."): value for name, value in settings.items()}
    try:
        return TrainingSettings(**{**recipe.training.model_dump(), **values})
    except ValidationError as error:
        raise BenchError(f"training: {first_complaint(error)}") from None


def protocol(recipe: Recipe) -> PluginConfig:
    """The data set, with its options, that a recipe's published figures are of."""
    return recipe.protocol if recipe.protocol is not None else PluginConfig(name=recipe.datasets[0])

"""A recipe or a row of a leaderboard that is to be run again: its specifications, and what was published of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from bench.data.prepared import PreparedData
from bench.errors import BenchError, did_you_mean
from bench.evaluation.expected_range import fitting_count
from bench.evaluation.metrics import Scores
from bench.plugins import PluginConfig, Recipe, Split, TrainingSettings
from bench.plugins.annotations import Scalar
from bench.plugins.contracts import SPLITS
from bench.plugins.registry import Registry, first_complaint
from bench.results.study_records import ReproductionRecord
from bench.search.finals import final_seed
from bench.trial import Hardware, TrialSpec
from bench.trial.plugin_code import changed_plugins


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
    all_published: tuple[Mapping[str, float], ...] = ()
    """Figures of every seed that was published, also of those that are not run; empty if nothing was published."""
    scores: tuple[tuple[Scores, Scores], ...] = ()
    """All scores of a row, of validation and test, to the last digit; one pair for each seed that is run."""
    hardware: Hardware | None = None
    """What the published numbers were computed on: another device, thread count or version gives other weights."""

    @property
    def compiled(self) -> bool:
        """Whether the published numbers are of compiled code, which these are then to be, too."""
        return self.hardware is not None and self.hardware.compiled

    def record(self, data: PreparedData, here: Hardware, *, registry: Registry, command: str) -> ReproductionRecord:
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
            differences=tuple(self.differences(data, here, registry)),
        )

    def differences(self, data: PreparedData, here: Hardware, registry: Registry) -> list[str]:
        """Returns lines on what differs here from when it was published, by which the numbers will differ, too."""
        lines = [
            f"{plugin} has changed since row {self.name} was measured"
            for plugin in changed_plugins(self.specs, registry)
        ]
        if self.specs[0].revision not in ("", data.revision):
            lines.append(
                f"the files of {self.dataset.name} are not those of the published row "
                f"(revision {self.specs[0].revision}, here {data.revision}): its numbers are not expected to return"
            )
        if not self.recipe and not self.specs[0].code:
            lines.append(f"row {self.name} does not say what code its plugins had")
        for split, published in self.published_clips.items():
            here_now = sum(map(data.clips, SPLITS)) if split == "all" else data.clips(split)
            if here_now != published:
                where = "in all" if split == "all" else f"in {split}"
                lines.append(
                    f"published with {published:,} clips {where}, here {here_now:,}: the figures are of other data"
                )
        lines += self._impossible_figures(data)
        if self.hardware is None:
            return lines
        then, now = _conditions(self.hardware), _conditions(here)
        return lines + [
            f"{name} is {now[name]} here, {was} in the published row"
            for name, was in then.items()
            if name in now and now[name] != was
        ]

    def _impossible_figures(self, data: PreparedData) -> list[str]:
        """Returns a line for every published accuracy that no number of right clips gives, if the data are as published."""
        lines = []
        for split in ("validation", "test"):
            share = self.published[0].get(f"{split}_accuracy") if self.recipe and self.published else None
            clips = dict(self.published_clips).get(split, data.clips(split))
            fitting = None if share is None or not clips else fitting_count(share, clips)
            if fitting is not None and share is not None:
                right = round(share * clips)
                lines.append(
                    f"the published {split} accuracy {share} is no share of {clips:,} clips, since {right:,} are "
                    f"{right / clips:.4f}; {fitting[0]:,} of {fitting[1]:,} would be"
                )
        return lines


def _conditions(hardware: Hardware) -> dict[str, str]:
    """What the digits of a run depend on beside its specification, by its name in a sentence."""
    return {
        "the device": hardware.device,
        "the system": hardware.system,
        "the number of threads": str(hardware.threads),
        "compiled": "yes" if hardware.compiled else "no",
        **hardware.versions,
    }


def of_recipe(
    recipe: Recipe, dataset: PluginConfig, *, folder: str, settings: Mapping[str, Any], seeds: int
) -> Reproduction:
    """A recipe on a data set, with the `training.` settings given. Its published figures go with the data set that they
    are of, whatever its options.

    Raises BenchError on settings that a recipe does not have.
    """
    before = dict(recipe.training)
    training = _changed(recipe, settings)
    now = dict(training)
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
        all_published=(dict(published),) if published else (),
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
        return TrainingSettings(**{**dict(recipe.training), **values})
    except ValidationError as error:
        raise BenchError(f"training: {first_complaint(error)}") from None


def protocol(recipe: Recipe) -> PluginConfig:
    """The data set, with its options, that a recipe's published figures are of."""
    return recipe.protocol if recipe.protocol is not None else PluginConfig(name=recipe.datasets[0])

"""From what the user asked for to a study that is complete: plugins that fit, space, what is tried first, the record."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any

from pydantic import ValidationError

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.metrics import Objective
from bench.options import RunOptions
from bench.plugins import Dataset, Infeasible, PluginConfig, TrainingSettings
from bench.plugins.registry import CALLER, Incompatible, Registry, find, first_complaint
from bench.results.study_records import StudyRecord
from bench.search.fitting import fit
from bench.search.space import Candidate, SearchSpace, build_space, candidates
from bench.version import VERSION

UNEQUAL = 1.5
"""Ratio of the largest to the smallest training class above which a study maximises balanced accuracy."""


@dataclass(frozen=True)
class Plan:
    """A request resolved against the installed plugins."""

    options: RunOptions
    """Options of the study, with the names of the features and models that fit."""
    space: SearchSpace
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    """Human-readable lines on what was left out, and why."""

    def sample_rates(self, registry: Registry) -> tuple[int, ...]:
        """Every sample rate, in Hz, that a trial of this plan can ask for."""
        queued = {registry.feature(candidate.configuration.feature).sample_rate for candidate in self.candidates}
        return tuple(sorted(queued | set(self.space.sample_rates())))


def make_plan(registry: Registry, dataset: Dataset, options: RunOptions) -> Plan:
    """Features and models that fit together (all that are installed, unless the request names some), and their space.

    Raises BenchError on unknown names and options, and if nothing fits.
    """
    features = _features(registry, options)
    models = [find("model", registry.models, str(name)).name for name in options.models] or _usual(registry, dataset)
    training = _starting_training(dataset, options.search_settings)
    fitting = fit(registry, dataset, features, models, training)
    if not fitting.parameters:
        raise fitting.refusal()
    recipes = [
        recipe
        for recipe in registry.recipes_for(dataset.name)
        if recipe.feature.name in fitting.features and recipe.model.name in fitting.models
    ]
    space = build_space(
        registry,
        features=fitting.features,
        models=fitting.models,
        settings=options.search_settings,
        recipes=recipes,
        training=dataset.training,
    )
    resolved = options.model_copy(update={"features": fitting.features, "models": fitting.models})
    queued = tuple(candidates(registry, space, recipes, fitting.covering(), dataset.training))
    _require_memory(registry, queued, dataset.seconds() or 1.0)
    return Plan(resolved, space, queued, fitting.notes())


def _require_memory(registry: Registry, queued: Sequence[Candidate], seconds: float) -> None:
    """Raises BenchError if the machine has not the memory for any of the configurations that are tried first."""
    from bench.trial.feasibility import require_memory

    complaints = []
    for candidate in queued:
        try:
            feature = registry.feature(candidate.configuration.feature)
            require_memory(feature, candidate.configuration.training, seconds)
            return
        except Incompatible:  # A trial will say it.
            return
        except Infeasible as error:
            complaints.append(str(error))
    if complaints:
        raise BenchError(f"{complaints[0]}: give smaller values by --set")


def _features(registry: Registry, options: RunOptions) -> list[str]:
    """The features that are asked for, or else those that searches take; without pretrained ones, if so asked."""
    asked = [find("feature", registry.features, str(name)).name for name in options.features]
    taken = asked or [name for name, feature in registry.features.items() if feature.in_default_search]
    left = [name for name in taken if not (options.no_pretrained and registry.features[name].pretrained_on)]
    if not left:
        raise BenchError(
            f"--no-pretrained leaves nothing of the features {', '.join(taken)}: choose others by --features"
        )
    return left


def _usual(registry: Registry, dataset: Dataset) -> list[str]:
    """The models of a search that names none: those that say so, and those of the data set's recipes."""
    of_recipes = {recipe.model.name for recipe in registry.recipes_for(dataset.name)}
    return [name for name, model in registry.models.items() if model.in_default_search or name in of_recipes]


def _starting_training(dataset: Dataset, settings: Mapping[str, Any]) -> TrainingSettings:
    """The training settings that a search starts from: the defaults, then the data set's, then the user's, of a list the
    first. Raises BenchError if any that the user's lists allow do not go together."""
    values: dict[str, list[Any]] = {name: [value] for name, value in dataset.training.items()}
    for name, value in settings.items():
        field = name.removeprefix("training.")
        if name.startswith("training.") and field in TrainingSettings.model_fields and value != []:
            values[field] = value if isinstance(value, list) else [value]
    try:
        chosen = [TrainingSettings(**dict(zip(values, choice, strict=True))) for choice in product(*values.values())]
    except ValidationError as error:
        given = ", ".join(f"{name}={value}" for name, value in dataset.training.items())
        hint = f" (data set {dataset.name} brings {given}: change it by --set training.NAME=VALUE)" if given else ""
        raise BenchError(f"training: {first_complaint(error)}{hint}") from None
    return chosen[0]


def new_record(
    plan: Plan,
    data: PreparedData,
    *,
    name: str,
    command: str,
    versions: Mapping[str, str],
    location: str = "",
) -> StudyRecord:
    """Returns the record of a study that starts now. Raises BenchError if finals are asked for without test clips."""
    if plan.options.finalists and not all(sum(fold.supports["test"]) for fold in data.folds):
        raise BenchError(
            f"data set {data.title} has no test clips, by which finals are measured: "
            "add a test split, or search alone by --finalists 0"
        )
    return StudyRecord(
        name=name,
        command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=data.dataset,
        data=data,
        options=plan.options.recorded(),
        objective=choose_objective(data),
        space=plan.space.as_json(),
        enqueued=tuple(candidate.origin for candidate in plan.candidates),
        versions=dict(versions),
        location=location,
    )


def choose_objective(data: PreparedData) -> Objective:
    """Returns accuracy if classes are about equally large in training, and else balanced accuracy."""
    sizes = data.supports["train"]
    return "balanced_accuracy" if max(sizes) > UNEQUAL * max(1, min(sizes)) else "accuracy"


def versions(registry: Registry) -> dict[str, str]:
    """Versions of everything that a number can depend on."""
    from importlib.metadata import version

    libraries = ("torch", "torchaudio", "numpy", "optuna", "scikit-learn", "soundfile", "soxr")
    return {
        "python": platform.python_version(),
        "bench": VERSION,
        **{library: version(library) for library in libraries},
        **registry.versions(),
    }


THEN = ", then "
"""Between the versions of a study that went on with others."""


def changed_versions(record: StudyRecord, now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What has another version than the study last ran with, and both versions. What is not there (any more) is left to
    whoever needs it, and classes of the calling script to their code."""
    last = {name: said.rpartition(THEN)[2] for name, said in record.versions.items() if name != CALLER}
    return {name: (then, now[name]) for name, then in last.items() if now.get(name, then) != then}


def check_versions(
    record: StudyRecord,
    now: Mapping[str, str],
    changed_code: Sequence[str],
    *,
    allow: bool,
    spell: Callable[[str], str],
) -> StudyRecord:
    """Returns the record of a study that goes on, marked with the versions that have changed.

    Args:
        record: The study.
        now: Versions of everything here.
        changed_code: Plugins whose code has changed since runs of the study, as `model my-net`.
        allow: Whether it goes on although something has changed.
        spell: Spells an option as the user writes it.

    Raises:
        BenchError: If something has changed, and that is not allowed.
    """
    versions = changed_versions(record, now)
    said = [f"{name} was {before} and is {after}" for name, (before, after) in versions.items()]
    said += [f"the code of {plugin} is another" for plugin in changed_code]
    if said and not allow:
        raise BenchError(
            f"what study {record.name!r} was begun with has changed: {'; '.join(said)}. Its numbers would not be of one "
            f"system: go back to that, start another study, or go on with {spell('allow_changed_versions')}, "
            "which its page says"
        )
    marked = {name: f"{record.versions[name]}{THEN}{after}" for name, (_, after) in versions.items()}
    return record.model_copy(update={"versions": record.versions | marked})


def check_same(record: StudyRecord, plan: Plan, data: PreparedData, *, resumed: bool = False) -> None:
    """Raises BenchError if a study that exists is not the one asked for, or, if `resumed`, has changed since it began."""
    if record.dataset != data.dataset:
        raise BenchError(_exists(record, f"data set {_spell(record.dataset)}, not {_spell(data.dataset)}"))
    if record.data.revision != data.revision:
        raise BenchError(
            f"the files of {record.data.title} have changed since study {record.name!r} began (revision "
            f"{record.data.revision}, now {data.revision}): restore them, or start another study with --study NAME"
        )
    difference = _difference(record.space, plan.space.as_json())
    if difference and resumed:
        raise BenchError(
            f"the plugins of study {record.name!r} have changed since it began ({difference}): install the versions "
            f"that its study.json names, or start another study with --study NAME"
        )
    if difference:
        raise BenchError(_exists(record, f"another search space ({difference})"))


def _exists(record: StudyRecord, what: str) -> str:
    return (
        f"study {record.name!r} exists with {what}: choose another name with --study, "
        f"or continue it as it is with bench run --resume {record.name}"
    )


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The first parameter in which two spaces differ, or nothing."""
    for part in ("searched", "fixed"):
        then, here = ours.get(part, {}), theirs.get(part, {})
        for name in {**then, **here}:
            before, now = then.get(name, "absent"), here.get(name, "absent")
            if before != now:
                return f"{name} was {before}, is {now}"
    return ""


def _spell(config: PluginConfig) -> str:
    return config.name + (f" with {config.options}" if config.options else "")

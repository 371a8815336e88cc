"""The search space of a study: derived from the plugins' annotations, narrowed by the user's settings.

Names are `feature`, `feature.mel.n_mels`, `model`, `model.cnn.dropout`, `training.learning_rate`: the options of two plugins
never share a name, so that what is learned of one is not mixed with the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json, to_json

from bench.errors import BenchError, did_you_mean
from bench.plugins import Choice, Float, Int, PluginConfig, Recipe, TrainingSettings
from bench.plugins.annotations import Range, Scalar, search_ranges
from bench.plugins.registry import Registry, first_complaint
from bench.plugins.training_settings import at_default_added_later
from bench.search.augmentation_space import CHOSEN, AugmentationSpace

if TYPE_CHECKING:
    import optuna


HIGHEST_RATE = 1_000_000
"""Highest sample rate, in Hz: those of bat detectors end below."""


class Configuration(BaseModel):
    """One point of the space."""

    model_config = ConfigDict(frozen=True)
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings


@dataclass(frozen=True)
class Candidate:
    """A configuration that is tried before the sampler is asked, and where it comes from."""

    origin: str
    configuration: Configuration


@dataclass(frozen=True)
class SearchSpace:
    """Ranges by parameter name, and the values of everything that is not searched."""

    features: tuple[str, ...]
    models: tuple[str, ...]
    ranges: Mapping[str, Range]
    fixed: Mapping[str, Scalar]
    set_by_user: frozenset[str] = frozenset()
    """Names that the user fixed, or narrowed to a list of values."""
    of_features: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    """What a feature holds fixed of the training settings, by its name and theirs."""
    augmentations: AugmentationSpace = field(default_factory=AugmentationSpace)
    """The augmentations of plugins that are chosen from."""

    def suggest(self, trial: optuna.Trial) -> Configuration:
        """The configuration that the sampler proposes."""
        feature = str(_suggest(trial, "feature", Choice(*self.features)))
        model = str(_suggest(trial, "model", Choice(*self.models)))
        prefixes = (f"feature.{feature}.", f"model.{model}.", "training.")
        held = self.of_features.get(feature, {})
        values = {**self._suggested(trial, prefixes, held), **held}
        values |= self._suggested(trial, self.augmentations.prefixes(str(values[CHOSEN])), held)
        return _configuration(feature, model, values, self.augmentations)

    def _suggested(
        self, trial: optuna.Trial, prefixes: tuple[str, ...], held: Mapping[str, Scalar]
    ) -> dict[str, Scalar]:
        """The values of the parameters with these prefixes, fixed and proposed, but for those that are held otherwise."""
        fixed = {name: value for name, value in self.fixed.items() if name.startswith(prefixes)}
        return fixed | {
            name: _suggest(trial, name, searched)
            for name, searched in self.ranges.items()
            if name.startswith(prefixes) and name not in held
        }

    def parameters(self, configuration: Configuration) -> dict[str, Scalar]:
        """The sampler's parameters that propose this configuration, as far as it is searched."""
        names: dict[str, Scalar] = {"feature": configuration.feature.name, "model": configuration.model.name}
        held = self.of_features.get(configuration.feature.name, {})
        values = self._values(configuration)
        return names | {name: value for name, value in values.items() if name in self.ranges and name not in held}

    def as_trial(self, configuration: Configuration, **what_came_of_it: Any) -> optuna.trial.FrozenTrial:
        """A trial of this configuration as the sampler would have it if it had proposed it.

        Args:
            configuration: What was run.
            what_came_of_it: State, value, attributes and intermediate values, see `optuna.trial.create_trial`.
        """
        import optuna

        ranges = {"feature": Choice(*self.features), "model": Choice(*self.models), **self.ranges}
        proposed = {
            name: value for name, value in self.parameters(configuration).items() if ranges[name].contains(value)
        }
        return optuna.trial.create_trial(
            params=proposed, distributions={name: _distribution(ranges[name]) for name in proposed}, **what_came_of_it
        )

    def adapt(self, candidate: Candidate) -> Candidate | None:
        """The candidate with what the user fixed or narrowed; None if its plugins are not searched here.

        Options that are not searched stay as the candidate has them.
        """
        its = candidate.configuration
        if its.feature.name not in self.features or its.model.name not in self.models:
            return None
        values = self._values(its)
        chosen = self._allowed(CHOSEN, values[CHOSEN]) if CHOSEN in self.set_by_user else values[CHOSEN]
        values = self.augmentations.defaults(str(chosen)) | values
        allowed = {name: self._allowed(name, values[name]) for name in sorted(self.set_by_user & values.keys())}
        changed = {name: value for name, value in allowed.items() if value != values[name]}
        if not changed:
            return candidate
        origin = f"{candidate.origin} with {', '.join(f'{name}={value}' for name, value in changed.items())}"
        return Candidate(origin, _configuration(its.feature.name, its.model.name, values | changed, self.augmentations))

    def _values(self, configuration: Configuration) -> dict[str, Any]:
        return _values(configuration, self.augmentations)

    def _allowed(self, name: str, value: Scalar) -> Scalar:
        """The value that the user allows nearest to this one."""
        searched = self.ranges.get(name)
        if not isinstance(searched, Choice):
            return self.fixed[name]
        if searched.contains(value):
            return value
        numbers = [choice for choice in searched.values if isinstance(choice, int | float)]
        if isinstance(value, int | float) and numbers:
            return min(numbers, key=lambda number: abs(number - value))
        return searched.values[0]

    def sample_rates(self) -> tuple[int, ...]:
        """Every sample rate, in Hz, that a configuration of this space can ask for."""
        rates: set[int] = set()
        for feature in self.features:
            name = f"feature.{feature}.sample_rate"
            searched = self.ranges.get(name)
            rates_of_it = searched.values if isinstance(searched, Choice) else (self.fixed.get(name),)
            for rate in rates_of_it:
                if not isinstance(rate, int):
                    raise BenchError(
                        f"{name} is searched over {searched}: audio is decoded ahead, so list its rates in a Choice"
                    )
                if rate > HIGHEST_RATE:
                    raise BenchError(f"{name}={rate}: audio is decoded at {HIGHEST_RATE:,} Hz at most")
                rates.add(rate)
        return tuple(sorted(rates))

    def as_json(self) -> dict[str, Any]:
        """Returns the space as a study records it: two equal dictionaries are the same space."""
        plugins = {"feature": str(Choice(*self.features)), "model": str(Choice(*self.models))}
        searched = {name: str(searched) for name, searched in self.ranges.items()}
        # Through JSON, since it is compared with what was read from JSON: a tuple comes back as a list.
        fixed = {
            name: value
            for name, value in self.fixed.items()
            if not at_default_added_later(name.removeprefix("training."), value)
        }
        space = {"searched": plugins | searched, "fixed": from_json(to_json(fixed))}
        return space | ({"of features": from_json(to_json(self.of_features))} if self.of_features else {})


def build_space(
    registry: Registry,
    *,
    features: Iterable[str],
    models: Iterable[str],
    settings: Mapping[str, Any],
    recipes: Iterable[Recipe],
    training: Mapping[str, Scalar] | None = None,
) -> SearchSpace:
    """The space over these plugins.

    `settings` fix a parameter (a value) or narrow it (a list of values). `training`: what the data set holds fixed of the
    training settings, if `settings` say nothing of it. Ranges are widened to hold the values of the recipes, which are
    tried first. Raises BenchError on a setting that names nothing, or a value that is not allowed.
    """
    features, models = tuple(features), tuple(models)
    recipes = tuple(recipes)
    settings = {name: _in_one_spelling(name, value) for name, value in settings.items()}
    chosen = settings.get(CHOSEN, (training or {}).get("augmentations", ""))
    texts = [str(text) for text in (chosen if isinstance(chosen, list) else [chosen])]
    augmentations = AugmentationSpace.of(registry, texts, also=[recipe.training.augmentations for recipe in recipes])
    owners = _owners(registry, features, models, augmentations)
    ranges: dict[str, Range] = {}
    fixed: dict[str, Scalar] = {}
    for prefix, owner in owners.items():
        searched = search_ranges(owner)
        for option, info in owner.model_fields.items():
            if option in searched and prefix + option not in augmentations.given():
                ranges[prefix + option] = searched[option]
            else:
                fixed[prefix + option] = info.get_default(call_default_factory=True)
    for name, value in _prefixed("training.", training or {}).items():
        _narrow(ranges, fixed, name, value)
    for recipe in recipes:
        _widen(ranges, recipe, augmentations)
    for name, value in settings.items():
        if name.startswith("dataset."):
            continue
        if name in augmentations.given():
            raise BenchError(f"--set {name}: {CHOSEN} gives it, too: leave one out")
        if name not in ranges and name not in fixed:
            raise BenchError(f"--set {name}: no such option here, {did_you_mean(name, [*ranges, *fixed])}")
        _narrow(ranges, fixed, name, value)
    _check(owners, fixed, ranges)
    return SearchSpace(
        features,
        models,
        ranges,
        fixed,
        frozenset(settings.keys() & (fixed.keys() | ranges.keys())),
        _of_features(registry, features, settings),
        augmentations,
    )


def _of_features(
    registry: Registry, features: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, dict[str, Scalar]]:
    """What features hold fixed of the training settings, but for what the user has set."""
    held = {name: _prefixed("training.", registry.features[name].training) for name in features}
    return {
        name: left
        for name, values in held.items()
        if (left := {setting: value for setting, value in values.items() if setting not in settings})
    }


def candidates(
    registry: Registry,
    space: SearchSpace,
    recipes: Iterable[Recipe],
    pairs: Iterable[tuple[str, str]],
    training: Mapping[str, Scalar] | None = None,
) -> list[Candidate]:
    """What is tried first: the recipes, then the defaults of every (feature, model) of `pairs`, with the data set's
    `training` settings."""
    proposed = [Candidate(recipe.name, _of_recipe(recipe)) for recipe in recipes]
    owners = _owners(registry, space.features, space.models, space.augmentations)
    for feature, model in pairs:
        held = {**(training or {}), **registry.features[feature].training}
        defaults = _defaults(owners, feature, model, held, space.augmentations)
        proposed.append(Candidate(f"defaults of {model} on {feature}", defaults))
    distinct: dict[str, Candidate] = {}
    for candidate in proposed:
        adapted = space.adapt(candidate)
        if adapted is not None:
            distinct.setdefault(str(adapted.configuration), adapted)
    return list(distinct.values())


def _defaults(
    owners: Mapping[str, type[BaseModel]],
    feature: str,
    model: str,
    training: Mapping[str, Scalar],
    augmentations: AugmentationSpace,
) -> Configuration:
    """Defaults of the two plugins and of training, but for the settings that `training` names."""
    prefixes = (f"feature.{feature}.", f"model.{model}.", "training.")
    defaults = {
        prefix + name: info.get_default(call_default_factory=True)
        for prefix in prefixes
        for name, info in owners[prefix].model_fields.items()
    }
    return _configuration(feature, model, defaults | _prefixed("training.", training), augmentations)


def _of_recipe(recipe: Recipe) -> Configuration:
    return Configuration(feature=recipe.feature, model=recipe.model, training=recipe.training)


def _values(configuration: Configuration, augmentations: AugmentationSpace) -> dict[str, Any]:
    """Every option of a configuration by its parameter name."""
    values = _prefixed(f"feature.{configuration.feature.name}.", configuration.feature.options)
    values |= _prefixed(f"model.{configuration.model.name}.", configuration.model.options)
    values |= _prefixed("training.", dict(configuration.training))
    return values | augmentations.parameters(configuration.training.augmentations)


def _configuration(
    feature: str, model: str, values: Mapping[str, Any], augmentations: AugmentationSpace
) -> Configuration:
    """The configuration of options by their parameter names."""

    def options(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}

    return Configuration(
        feature=PluginConfig(name=feature, options=options(f"feature.{feature}.")),
        model=PluginConfig(name=model, options=options(f"model.{model}.")),
        training=TrainingSettings(**{**options("training."), "augmentations": augmentations.text(values)}),
    )


def _owners(
    registry: Registry, features: Iterable[str], models: Iterable[str], augmentations: AugmentationSpace
) -> dict[str, type[BaseModel]]:
    """The class behind every prefix of parameter names."""
    owners: dict[str, type[BaseModel]] = {f"feature.{name}.": registry.features[name] for name in features}
    owners |= {f"model.{name}.": registry.models[name] for name in models}
    owners["training."] = TrainingSettings
    return owners | augmentations.owners()


def _in_one_spelling(name: str, value: Any) -> Any:
    """A setting as it will be in the trials' settings, so that it is known there: augmentations in their one spelling."""
    if name != CHOSEN:
        return value
    values = value if isinstance(value, list) else [value]
    try:
        spelt = [TrainingSettings(augmentations=text).augmentations for text in values]
    except ValidationError as error:
        raise BenchError(f"training: {first_complaint(error)}") from None
    return spelt if isinstance(value, list) else spelt[0]


def _check(owners: Mapping[str, type[BaseModel]], fixed: Mapping[str, Scalar], ranges: Mapping[str, Range]) -> None:
    """Raises BenchError if a value that the user set is not allowed by its plugin."""
    for prefix, owner in owners.items():
        for name in [name for name in (*fixed, *ranges) if name.startswith(prefix)]:
            searched = ranges.get(name)
            values = searched.values if isinstance(searched, Choice) else (fixed[name],) if name in fixed else ()
            for value in values:
                try:
                    owner(**{name.removeprefix(prefix): value})
                except ValidationError as error:
                    if not error.errors()[0][
                        "loc"
                    ]:  # of the value beside the other options' defaults: a trial will tell
                        continue
                    raise BenchError(f"{prefix.rstrip('.')}: {first_complaint(error)}") from None


def _prefixed(prefix: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in options.items()}


def _widen(ranges: dict[str, Range], recipe: Recipe, augmentations: AugmentationSpace) -> None:
    for name, value in _values(_of_recipe(recipe), augmentations).items():
        if name in ranges and not ranges[name].contains(value):
            try:
                ranges[name] = ranges[name].including(value)
            except ValueError as error:
                raise BenchError(
                    f"recipe {recipe.name} sets {name} to {value!r}, which is no value of it ({error})"
                ) from None


def _narrow(ranges: dict[str, Range], fixed: dict[str, Scalar], name: str, value: Any) -> None:
    if isinstance(value, list):
        if len(value) == 0:
            raise BenchError(f"--set {name}: an empty list leaves nothing to search")
        if len(value) > 1:
            fixed.pop(name, None)
            ranges[name] = Choice(*value)
            return
        value = value[0]
    ranges.pop(name, None)
    fixed[name] = value


def _distribution(searched: Range) -> optuna.distributions.BaseDistribution:
    """The range as Optuna keeps it for what `_suggest` asks."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match searched:
        case Choice(values=values):
            return CategoricalDistribution(values)
        case Int(low=low, high=high, log=log, step=step):
            return IntDistribution(low, high, log=log, step=step)
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)


def _suggest(trial: optuna.Trial, name: str, searched: Range) -> Scalar:
    match searched:
        case Choice(values=values):
            return trial.suggest_categorical(name, values)
        case Int(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, log=log, step=step)
        case Float(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)

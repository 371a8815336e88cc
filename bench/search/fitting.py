"""Which of the features and models of a search go together, count out by their defaults before the study begins."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import BenchError, one_line
from bench.files import cache_directory
from bench.plugins import Dataset, Infeasible, TrainingSettings
from bench.plugins.references import without_path
from bench.plugins.registry import Registry
from bench.trial import TrialSpec

Pair = tuple[str, str]
"""Names of a feature and a model."""


@dataclass(frozen=True)
class Fitting:
    """The pairs that go together, and why the others do not.

    Attributes:
        asked_features: Names of all features that were asked for.
        asked_models: Names of all models that were asked for.
        parameters: Number of parameters of every pair that fits; of one that only a trial can tell of, the largest int.
        refusals: Reason of every pair that does not fit, in one line.
    """

    asked_features: tuple[str, ...]
    asked_models: tuple[str, ...]
    parameters: Mapping[Pair, int]
    refusals: Mapping[Pair, str]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that go with some model, as they were asked for."""
        fitting = {feature for feature, _ in self.parameters}
        return tuple(name for name in self.asked_features if name in fitting)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that go with some feature, as they were asked for."""
        fitting = {model for _, model in self.parameters}
        return tuple(name for name in self.asked_models if name in fitting)

    def notes(self) -> tuple[str, ...]:
        """A line on each feature and model that goes with nothing, with the reason of the first pair that it is in."""
        reasons: dict[tuple[str, str], str] = {}
        for (feature, model), reason in self.refusals.items():
            said = f"{model} on {feature}: {reason}"
            if feature not in self.features:
                reasons.setdefault(("feature", feature), said)
            if model not in self.models:
                reasons.setdefault(("model", model), said)
        return tuple(f"{kind} {name} is left out ({said})" for (kind, name), said in sorted(reasons.items()))

    def covering(self) -> list[Pair]:
        """Few pairs that hold every feature and every model once at least: each model on the first feature that it takes,
        each feature that is left with the smallest model that takes it."""
        chosen: dict[str, Pair] = {}
        for feature, model in self.parameters:
            chosen.setdefault(model, (feature, model))
        pairs = list(chosen.values())
        for feature in self.features:
            if all(feature != covered for covered, _ in pairs):
                of_feature = [pair for pair in self.parameters if pair[0] == feature]
                pairs.append(min(of_feature, key=self.parameters.__getitem__))
        return pairs

    def refusal(self) -> BenchError:
        """The error of a search in which nothing fits."""
        (feature, model), reason = next(iter(self.refusals.items()))
        return BenchError(
            f"none of the models {', '.join(self.asked_models)} takes any of the features "
            f"{', '.join(self.asked_features)}: "
            f"choose others by --models and --features ({model} on {feature}: {reason})"
        )


def fit(
    registry: Registry, dataset: Dataset, features: Sequence[str], models: Sequence[str], training: TrainingSettings
) -> Fitting:
    """Runs the defaults of every pair on the meta device; outcomes are remembered in the cache folder by the plugins' code.

    A pair that raises anything else than a refusal fits, so that its trials show the error.
    """
    from bench.trial.feasibility import check_feasible
    from bench.trial.feasibility_cache import FeasibilityCache

    cache, seconds = FeasibilityCache(cache_directory()), dataset.seconds() or 1.0
    parameters: dict[Pair, int] = {}
    refusals: dict[Pair, str] = {}
    for feature in features:
        for model in models:
            spec = TrialSpec(
                dataset=without_path(registry, dataset.config()),
                revision="",
                feature=registry.features[feature]().config(),
                model=registry.models[model]().config(),
                training=training,
                seed=0,
            )
            try:
                count = check_feasible(spec, registry=registry, seconds=seconds, classes=2, cache=cache)
            except Infeasible as error:
                refusals[feature, model] = one_line(error)
                continue
            except Exception:
                count = None
            parameters[feature, model] = sys.maxsize if count is None else count
    cache.save()
    return Fitting(tuple(features), tuple(models), parameters, refusals)

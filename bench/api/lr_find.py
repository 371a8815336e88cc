"""A learning-rate range test of a recipe, or of the defaults of a model on a feature."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api.reproduce import recipe_on
from bench.api.spec_data import prepare_for
from bench.cores import available_cores
from bench.data.offline_augmentation import prepare_augmented_copies
from bench.errors import BenchError
from bench.options import RunOptions
from bench.plugins import Infeasible
from bench.plugins.references import dataset_config
from bench.plugins.registry import Registry
from bench.search.callback import StudyCallback
from bench.search.plan import make_plan
from bench.search.space import candidates
from bench.training.device import choose_device
from bench.training.device_clips import DataOnDevice
from bench.training.range_test import NoSuggestion
from bench.trial import RangeTest, TrialSpec
from bench.trial.run_trial import run_range_test


@dataclass(frozen=True)
class RangeTestRun:
    """A range test, and what it was run on."""

    test: RangeTest
    title: str
    dataset: str


def find_learning_rate(
    options: RunOptions, *, registry: Registry, recipe: str, dataset: str, callback: StudyCallback
) -> RangeTestRun:
    """Runs a range test of a recipe or, if none is named, of the one model on the one feature that `options` name.

    Raises:
        BenchError: If the parts do not fit together, the data cannot be used, or the loss is no number from the start.
    """
    import torch

    if recipe:
        wanted = recipe_on(registry, recipe, dataset, options.settings, 1)
        spec, config, what = wanted.specs[0], wanted.dataset, recipe
    else:
        spec = _defaults(registry, dataset, options)
        config = spec.dataset
        what = f"{spec.model.name} on {spec.feature.name}"
    spec = spec.model_copy(update={"seed": options.seed})
    device, reason = choose_device(options.device)
    data = prepare_for(spec, config, options, registry=registry, callback=callback).without_test()
    for line in data.notes:
        callback.warning(line)
    rate = registry.feature(spec.feature).sample_rate
    prepare_augmented_copies(data, spec.training, sample_rate=rate, progress=callback.preparing)
    title = f"{what}, {data.title}"
    callback.note(f"{title}: learning-rate range test on {reason}")
    torch.set_num_threads(options.threads or available_cores())
    try:
        spec = spec.model_copy(update={"revision": data.revision})
        test = run_range_test(spec, DataOnDevice(data, torch.device(device)), registry=registry)
    except (Infeasible, NoSuggestion) as error:
        raise BenchError(f"{spec.model.name} on {spec.feature.name}: {error}") from None
    return RangeTestRun(test, title, data.title)


def _defaults(registry: Registry, dataset: str, options: RunOptions) -> TrialSpec:
    """Defaults of the two plugins and of training, with the data set's settings and those given."""
    config = dataset_config(registry, dataset, options.dataset_settings)
    plugin = registry.dataset(config)
    plan = make_plan(registry, plugin, options)
    pair = (str(options.features[0]), str(options.models[0]))
    (candidate,) = candidates(registry, plan.space, (), [pair], plugin.training)
    configuration = candidate.configuration
    return TrialSpec(
        dataset=config,
        revision="",
        feature=configuration.feature,
        model=configuration.model,
        training=configuration.training,
        seed=options.seed,
    )

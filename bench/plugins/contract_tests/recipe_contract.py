"""The contract of a recipe: its parts are there and fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.plugins.contract_tests.declaration import check_name
from bench.plugins.contract_tests.model_contract import takes
from bench.plugins.contract_tests.requirements import require
from bench.plugins.contracts import Recipe
from bench.plugins.plugin_config import parse_chain

if TYPE_CHECKING:
    from bench.plugins.registry import Registry


def check_recipe(recipe: Recipe, registry: Registry) -> None:
    """That its parts are installed, accept its options and fit together, and that published figures are shares.

    Args:
        recipe: The recipe.
        registry: The plugins that it may name.

    Raises:
        AssertionError: It breaks its contract, in one line.
        BenchError: If a part is not installed, or refuses its options.
    """
    check_name(recipe.name)
    require(bool(recipe.summary.strip()), "has no summary")
    for config in parse_chain(recipe.training.augmentations):
        registry.augmentation(config)
    require(Recipe.model_validate_json(recipe.model_dump_json()) == recipe, "does not survive JSON")
    for name, figure in recipe.published.items():
        require(0 <= figure <= 1, f"published {name} is {figure}, not a share from 0 to 1")
    known = [name for name in recipe.datasets if name in registry.datasets]
    require(bool(known), f"none of its data sets is installed: {', '.join(recipe.datasets)}")
    feature, model = registry.feature(recipe.feature), registry.model(recipe.model)
    official = [registry.datasets[name] for name in known if registry.datasets[name].argument is None]
    for seconds in sorted({dataset().seconds() or 1.0 for dataset in official} or {1.0}):
        shape = feature.shape(round(seconds * feature.sample_rate))
        require(takes(model, shape), f"its model cannot take its feature's shape {list(shape)} ({seconds:g} s)")

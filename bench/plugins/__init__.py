"""What a plugin author imports: contracts, search annotations, and the hook marker."""

from bench.plugins.annotations import Choice, Float, Int
from bench.plugins.contracts import (
    Archive,
    Clip,
    Dataset,
    Feature,
    Infeasible,
    Listing,
    Model,
    PluginConfig,
    Recipe,
    Split,
)
from bench.plugins.hookspecs import hookimpl
from bench.plugins.training_settings import TrainingSettings

__all__ = [
    "Archive",
    "Choice",
    "Clip",
    "Dataset",
    "Feature",
    "Float",
    "Infeasible",
    "Int",
    "Listing",
    "Model",
    "PluginConfig",
    "Recipe",
    "Split",
    "TrainingSettings",
    "hookimpl",
]

"""All that a plugin author imports: contracts, search ranges, the hook marker, errors, and help with splits and files."""

from bench.audio_suffixes import AUDIO_SUFFIXES, FOREIGN_AUDIO_SUFFIXES
from bench.errors import BenchError, did_you_mean, first_few, taking_classes
from bench.files import cache_directory
from bench.plugins.annotations import Choice, Float, Int, Scalar
from bench.plugins.augmentation_contracts import Augmentation, TrainingBatch
from bench.plugins.contracts import (
    SPLITS,
    Archive,
    Clip,
    Cut,
    Dataset,
    Feature,
    Infeasible,
    Listing,
    Model,
    ProgressCallback,
    Recipe,
    Split,
)
from bench.plugins.executor_contract import ExecutorPlugin
from bench.plugins.hookspecs import hookimpl
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.reporting_contracts import ClipPredictions, FinishedRun, Metric, ReportSection
from bench.plugins.splits import stratified_split
from bench.plugins.training_settings import TrainingSettings

__all__ = [
    "AUDIO_SUFFIXES",
    "FOREIGN_AUDIO_SUFFIXES",
    "SPLITS",
    "Archive",
    "Augmentation",
    "BenchError",
    "Choice",
    "Clip",
    "ClipPredictions",
    "Cut",
    "Dataset",
    "ExecutorPlugin",
    "Feature",
    "FinishedRun",
    "Float",
    "Infeasible",
    "Int",
    "Listing",
    "Metric",
    "Model",
    "PluginConfig",
    "ProgressCallback",
    "Recipe",
    "ReportSection",
    "Scalar",
    "Split",
    "TrainingBatch",
    "TrainingSettings",
    "cache_directory",
    "did_you_mean",
    "first_few",
    "taking_classes",
    "hookimpl",
    "stratified_split",
]

"""Draws figures as PNG from records and arrays, one module per kind."""

from bench.reporting.figures.activations import LayerOutput, activations
from bench.reporting.figures.alluvial import alluvial
from bench.reporting.figures.anytime import SearchCurve, anytime_curves
from bench.reporting.figures.classes import class_histogram
from bench.reporting.figures.clip_panels import ExampleClip, example_clips
from bench.reporting.figures.compared_features import FeatureResult, feature_comparison
from bench.reporting.figures.confusion import confusion_matrix, confusion_rates
from bench.reporting.figures.critical_difference import critical_difference
from bench.reporting.figures.curves import training_curves
from bench.reporting.figures.dataset_panels import dataset_check_figure
from bench.reporting.figures.filters import first_filters
from bench.reporting.figures.pooled import pooled_outputs
from bench.reporting.figures.rates import range_test

__all__ = [
    "ExampleClip",
    "FeatureResult",
    "LayerOutput",
    "SearchCurve",
    "activations",
    "alluvial",
    "anytime_curves",
    "class_histogram",
    "confusion_matrix",
    "confusion_rates",
    "critical_difference",
    "dataset_check_figure",
    "example_clips",
    "feature_comparison",
    "first_filters",
    "pooled_outputs",
    "range_test",
    "training_curves",
]

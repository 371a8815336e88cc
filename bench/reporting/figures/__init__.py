"""Figures as PNG, one file a kind. They are drawn from records and arrays; where those come from is no matter of theirs."""

from bench.reporting.figures.activations import LayerOutput, activations
from bench.reporting.figures.alluvial import alluvial
from bench.reporting.figures.classes import class_histogram
from bench.reporting.figures.clip_panels import Example, example_clips
from bench.reporting.figures.compared_features import Compared, comparison
from bench.reporting.figures.confusion import confusion_matrix, confusion_rates
from bench.reporting.figures.curves import training_curves
from bench.reporting.figures.filters import first_filters
from bench.reporting.figures.pooled import pooled_outputs
from bench.reporting.figures.rates import range_test

__all__ = [
    "Compared",
    "Example",
    "LayerOutput",
    "activations",
    "alluvial",
    "class_histogram",
    "comparison",
    "confusion_matrix",
    "confusion_rates",
    "example_clips",
    "first_filters",
    "pooled_outputs",
    "range_test",
    "training_curves",
]

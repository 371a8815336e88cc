"""Figures as PNG, one file a kind. They are drawn from records and arrays; where those come from is no matter of theirs."""

from bench.reporting.figures.confusion import confusion_matrix, confusion_rates
from bench.reporting.figures.curves import training_curves
from bench.reporting.figures.rates import range_test

__all__ = ["confusion_matrix", "confusion_rates", "range_test", "training_curves"]

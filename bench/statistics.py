"""Intervals and comparisons of accuracies: what other clips, other speakers and other seeds would change.

Example:
    >>> import bench
    >>> bench.statistics.interval(correct, groups=speakers)  # correct: bool [seeds, clips]
    >>> bench.statistics.compare(correct, of_another, groups=speakers).p_value
"""

from bench.evaluation.interval import Interval
from bench.evaluation.paired_comparison import Comparison, compare
from bench.evaluation.uncertainty import interval, why_none

__all__ = ["Comparison", "Interval", "compare", "interval", "why_none"]

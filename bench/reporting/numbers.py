"""Formats figures alike on every page: accuracies with 4 digits, counts with commas, times in two units."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from bench.evaluation.interval import Interval
from bench.evaluation.metrics import MetricText
from bench.trial import MachineLoad

ABSENT = "–"  # noqa: RUF001 (Cells without a figure hold an en dash.)


class Spread(BaseModel):
    """The mean and sample standard deviation of one figure over seeds."""

    model_config = ConfigDict(frozen=True)
    mean: float
    deviation: float | None
    """Standard deviation with n - 1 in the denominator; None for a single seed."""
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Computes the spread of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(mean=statistics.fmean(values), deviation=deviation, n=len(values))


def score_text(value: float | None) -> str:
    """Formats an accuracy or another score from 0 to 1: `0.9712`."""
    return ABSENT if value is None else f"{value:.4f}"


def spread(value: Spread | None) -> str:
    """Formats a mean with its deviation: `0.9712 ± 0.0031 (n=3)`."""
    if value is None:
        return ABSENT
    deviation = "" if value.deviation is None else f" ± {value.deviation:.4f}"
    return f"{value.mean:.4f}{deviation} (n={value.n})"


def interval_text(value: Interval | None) -> str:
    """Formats an interval with the digits that its method holds: `0.961 to 0.979`."""
    return ABSENT if value is None else f"{value.low:.3f} to {value.high:.3f}"


def interval_claim(value: Interval, noun: str) -> str:
    """Says what an interval covers, and of how many: `new clips and new speakers (300 clips of 6 speakers, 3 seeds)`."""
    return f"{value.claim(noun)} ({value.units(noun)})"


def p_value_text(value: float) -> str:
    """Formats a p value: `0.031`, `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def rank_text(rank: int, ties: tuple[int, int] | None) -> str:
    """Formats a rank with those that it ties with: `1`, `1-3`."""
    return str(rank) if ties is None else f"{ties[0]}" if ties[0] == ties[1] else f"{ties[0]}-{ties[1]}"


def reading(metric: MetricText) -> tuple[str, str, str]:
    """Returns how a score is to be read: which is better, its range or unit, and what it is."""
    return metric.better, metric.unit, metric.meaning


def count(value: int | None) -> str:
    """Formats a count: `260,042`."""
    return ABSENT if value is None else f"{value:,}"


def number(value: float | None, digits: int = 4) -> str:
    """Formats a loss or a learning rate with so many significant digits; `nan` and `inf` stay as they are."""
    return ABSENT if value is None else f"{value:.{digits}g}"


def plural(number: int, noun: str, several: str = "") -> str:
    """Formats a count with its noun, or with `several` if it is not one: `1 thread`, `2 threads`, `2 studies`."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def duration(seconds: float | None) -> str:
    """Formats a time: `8.3 s`, `1 min 23 s`, `2 h 05 min`."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole_seconds = round(seconds)
    if whole_seconds < 3600:
        return f"{whole_seconds // 60} min {whole_seconds % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def latency(milliseconds: float | None) -> str:
    """Formats the time of one clip: `0.83 ms`."""
    return ABSENT if milliseconds is None else f"{milliseconds:.2f} ms"


def load_text(load: MachineLoad | None) -> str:
    """Formats the load of a machine at a run's start and end: `0.8 and 2.3 of 2`."""
    return ABSENT if load is None else f"{load.start:.1f} and {load.end:.1f} of {load.cores}"


def value_range(values: Iterable[int]) -> str:
    """Formats the range of values: `240` if all are equal, else `230 to 280`."""
    distinct = sorted(set(values))
    if not distinct:
        return ABSENT
    return f"{distinct[0]:,}" if len(distinct) == 1 else f"{distinct[0]:,} to {distinct[-1]:,}"


def readable_name(identifier: str) -> str:
    """Returns an identifier as words: `balanced accuracy` for `balanced_accuracy`."""
    return identifier.replace("_", " ")

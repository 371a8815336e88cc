"""How figures are written, the same on every page: accuracies with 4 digits, counts with commas, times in two units."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from bench.evaluation.uncertainty import Interval

ABSENT = "–"  # noqa: RUF001 - what a cell without a figure holds


class Spread(BaseModel):
    """Mean and sample standard deviation of one figure over seeds."""

    model_config = ConfigDict(frozen=True)
    mean: float
    deviation: float | None
    """With n - 1 in the denominator; None for a single seed."""
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(mean=statistics.fmean(values), deviation=deviation, n=len(values))


def share(value: float | None) -> str:
    """An accuracy or another score from 0 to 1: `0.9712`."""
    return ABSENT if value is None else f"{value:.4f}"


def spread(value: Spread | None) -> str:
    """`0.9712 ± 0.0031 (n=3)`."""
    if value is None:
        return ABSENT
    deviation = "" if value.deviation is None else f" ± {value.deviation:.4f}"
    return f"{value.mean:.4f}{deviation} (n={value.n})"


def interval(value: Interval | None) -> str:
    """`0.9612 to 0.9790`."""
    return ABSENT if value is None else f"{value.low:.4f} to {value.high:.4f}"


def resampled_units(value: Interval) -> str:
    """What an interval is over: `300 clips`, `6 speakers or recordings`."""
    return f"{value.units:,} {'clips' if value.over == 'clips' else 'speakers (or other groups)'}"


def count(value: int | None) -> str:
    """`260,042`."""
    return ABSENT if value is None else f"{value:,}"


def number(value: float | None, digits: int = 4) -> str:
    """A loss, a learning rate: so many significant digits; `nan` and `inf` as they are."""
    return ABSENT if value is None else f"{value:.{digits}g}"


def plural(number: int, noun: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """`8.3 s`, `1 min 23 s`, `2 h 05 min`."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def value_range(values: Iterable[int]) -> str:
    """`240` where all are equal, `230 to 280` where not."""
    found = sorted(set(values))
    if not found:
        return ABSENT
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def readable_name(identifier: str) -> str:
    """`balanced accuracy` of `balanced_accuracy`."""
    return identifier.replace("_", " ")

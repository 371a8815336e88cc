"""Charts as SVG whose points can be pointed at: where everything stands is computed here, and templates draw it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 44
"""Margins, in the same units; at the width of a phone a unit is a little less than a pixel."""


@dataclass(frozen=True)
class Point:
    """One point of a series, in the units of the axes."""

    x: float
    y: float
    tip: str
    """What is said of it when it is pointed at."""
    strong: bool = False


@dataclass(frozen=True)
class Series:
    """Points of one colour."""

    name: str
    points: tuple[Point, ...]
    joined: Literal["", "straight", "steps"] = ""
    """How they are joined, in their order."""
    ends: float | None = None
    """Where the last step goes on to."""


@dataclass(frozen=True)
class Tick:
    """A tick of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class DrawnSeries:
    """A series in the units of the drawing."""

    name: str
    path: str
    """Points of a polyline; empty if they are not joined."""
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """A chart with everything in the units of the drawing, the origin at the top left."""

    tab: str
    """What tells it from the charts beside it: `by latency`."""
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[DrawnSeries, ...]


def chart(series: Iterable[Series], *, tab: str, x_title: str, y_title: str, log: bool = False) -> Chart | None:
    """Lays a chart out.

    Args:
        series: What is drawn; points that are not finite (and on a logarithmic axis not positive) are left out.
        tab: What tells the chart from those beside it.
        x_title: Title of the horizontal axis, with its unit.
        y_title: Title of the vertical axis.
        log: Whether the horizontal axis is logarithmic.

    Returns:
        The chart; None if there is nothing to draw.
    """
    drawable = [_drawable(one, log) for one in series]
    points = [point for one in drawable for point in one.points]
    if not points:
        return None
    ends = [one.ends for one in drawable if one.ends is not None]
    x_low, x_high, x_values = _axis([*(point.x for point in points), *ends], log)
    y_low, y_high, y_values = _axis([point.y for point in points], False)
    along = _scale(x_low, x_high, LEFT, WIDTH - RIGHT, log)
    up = _scale(y_low, y_high, HEIGHT - BOTTOM, TOP, False)
    return Chart(
        tab=tab,
        x_title=x_title,
        y_title=y_title,
        x_ticks=tuple(Tick(along(value), _short(value)) for value in x_values),
        y_ticks=tuple(Tick(up(value), _short(value)) for value in y_values),
        series=tuple(_drawn(one, along, up) for one in drawable),
    )


def charts(*drawn: Chart | None) -> tuple[Chart, ...]:
    """Returns those charts that have something to show."""
    return tuple(one for one in drawn if one is not None)


def pareto_front(points: Sequence[Point]) -> tuple[Point, ...]:
    """Returns the points that no other beats: none has a smaller x and as high a y, or as small an x and a higher y."""
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.x, -one.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return tuple(front)


def _drawable(series: Series, log: bool) -> Series:
    points = tuple(
        point
        for point in series.points
        if math.isfinite(point.y) and math.isfinite(point.x) and (point.x > 0 or not log)
    )
    return Series(series.name, points, series.joined, series.ends if points else None)


def _axis(values: Sequence[float], log: bool) -> tuple[float, float, list[float]]:
    """Returns where an axis begins and ends, with some room on either side, and the values of its ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = min(values), max(values)
    if log:
        low, high = low / 1.3, high * 1.3
        subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if high / low < 6 else (1.0, 2.0, 5.0) if high / low < 100 else (1.0,)
        ticks = LogLocator(subs=subs).tick_values(low, high)
    else:
        room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
        low, high = (0.0 if 0 <= low < room else low - room), high + room
        whole = all(value == round(value) for value in values)  # half an epoch is none
        ticks = MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)
    return low, high, [float(tick) for tick in ticks if low <= tick <= high]


def _scale(low: float, high: float, begin: float, end: float, log: bool) -> Callable[[float], float]:
    of = math.log if log else float
    start, width = of(low), of(high) - of(low)
    return lambda value: round(begin + (of(value) - start) / width * (end - begin), 1)


def _drawn(series: Series, along: Callable[[float], float], up: Callable[[float], float]) -> DrawnSeries:
    points = tuple(Point(along(point.x), up(point.y), point.tip, point.strong) for point in series.points)
    corners = [(point.x, point.y) for point in points]
    if series.joined == "steps":
        corners = [
            corner for before, point in zip([None, *points], points, strict=False) for corner in _step(before, point)
        ]
        corners += [(along(series.ends), points[-1].y)] if series.ends is not None and points else []
    path = " ".join(f"{x:g},{y:g}" for x, y in corners) if series.joined else ""
    return DrawnSeries(series.name, path, points)


def _step(before: Point | None, point: Point) -> list[tuple[float, float]]:
    return [(point.x, point.y)] if before is None else [(point.x, before.y), (point.x, point.y)]


def _short(value: float) -> str:
    """Formats a tick: `0.95`, `20 k`, `1.5 M`."""
    for unit, size in (("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e6 if unit == 'M' else 1e3):g} {unit}"
    return f"{round(value, 10):g}"

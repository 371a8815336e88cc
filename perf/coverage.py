"""Simulates how often the intervals of `bench.statistics` hold the true value, and how often comparisons err.

Data are made by a law whose true accuracy is known: the mean over new clips, new groups and, for several seeds, new seeds.
Of one seed it is the true accuracy of that network.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from bench.statistics import compare, interval
from perf import fold_coverage
from perf.tables import Column, Row, Sizes, Table

Floats = NDArray[np.float64]

ACCURACIES = (0.7, 0.9, 0.95, 0.99)
SEEDS = (1, 2, 3, 5)
LAYOUTS = (
    (0, 22),
    (0, 41),
    (0, 300),
    (0, 2500),
    (3, 60),
    (3, 300),
    (4, 100),
    (6, 300),
    (10, 300),
    (20, 400),
    (50, 2500),
)
"""Numbers of groups (0: not known) and of clips."""
LEAST, MOST = 93.0, 98.0
"""Coverage that is aimed at, in percent."""
GAP = 0.05


@dataclass(frozen=True)
class World:
    """A law of how well clips are recognised. Standard deviations are of log odds."""

    name: str
    groups: float = 0.0
    seeds: float = 0.0
    both: float = 0.0
    """Of a group and a seed together."""
    clips: float = 0.0
    """Of a clip, shared by all seeds."""
    unequal: bool = False
    """Whether the largest group is four times the smallest."""
    intraclass: float = 0.0
    """If not 0, accuracies of groups are drawn from a beta distribution with this intraclass correlation instead."""

    @property
    def deviation(self) -> float:
        """Standard deviation of all log odds but the seeds'."""
        return float(np.sqrt(self.groups**2 + self.both**2 + self.clips**2))


WORLDS = (
    World("all clips alike"),
    World("hard clips", clips=2.0),
    World("seeds", seeds=0.3, clips=1.0),
    World("groups", groups=0.7, clips=1.0),
    World("groups and seeds", groups=0.7, seeds=0.2, both=0.2, clips=2.0),
    World("unequal groups", groups=1.0, clips=1.0, unequal=True),
    World("beta groups", intraclass=0.03, clips=1.0),
)
SKEWED = (World("groups far apart", groups=1.2, clips=1.0), World("few bad groups", intraclass=0.1, clips=1.0))
"""Most groups are nearly perfect and few are bad: what few groups cannot know of."""
PAIR = World("pair", groups=0.7, seeds=0.15, clips=1.5)
OWN = World("own", groups=0.3, clips=0.7)
"""What groups and clips differ by from one configuration to another."""


def measure(sizes: Sizes) -> list[Table]:
    """Returns the tables of intervals in usual worlds, in skewed ones, of comparisons, and of outer folds."""
    runs = sizes.of(1000, 20)
    layouts = sizes.of(LAYOUTS, ((0, 41), (3, 60)))
    usual, skewed = [
        [cell for layout in layouts for world in worlds for cell in coverages(world, *layout, runs=runs)]
        for worlds in (WORLDS, SKEWED)
    ]
    pairs = [pair_row(groups, clips, seeds, sizes.of(1000, 20)) for groups, clips in layouts for seeds in SEEDS]
    return [
        Table(
            "Coverage of 95 % intervals, in percent: lowest to highest",
            _COLUMNS,
            _ranges(usual),
            _note(usual),
        ),
        Table("By world, over all accuracies, groups and seeds", _BY_WORLD, _by_world([*usual, *skewed])),
        Table(
            "Coverage where most groups are nearly perfect and few are bad", _COLUMNS, _ranges(skewed), _note(skewed)
        ),
        Table("Comparisons at accuracy 0.95, percent", _PAIRS, tuple(pairs), _PAIRS_NOTE),
        fold_coverage.measure(sizes),
    ]


def coverages(world: World, groups: int, clips: int, *, runs: int) -> Iterator[Row]:
    """Yields the coverage of one world at every accuracy and number of seeds."""
    if not groups and (world.groups or world.intraclass):
        return
    for seeds in SEEDS:
        for accuracy in ACCURACIES:
            covered = coverage(world, groups, clips, seeds=seeds, accuracy=accuracy, runs=runs)
            yield {
                "world": world.name,
                "groups": groups,
                "clips": clips,
                "seeds": seeds,
                "at": accuracy,
                "covered": covered,
            }


def coverage(world: World, groups: int, clips: int, *, seeds: int, accuracy: float, runs: int) -> float:
    """Returns how many percent of the intervals hold the true value. The draws depend on the arguments alone."""
    random = np.random.default_rng(zlib.crc32(f"{world} {groups} {clips} {seeds} {accuracy}".encode()))
    group = group_of_clips(world, groups, clips)
    names = [f"group {number}" for number in group] if groups else None
    hits = 0
    for _ in range(runs):
        correct, truth = draw(world, group, seeds=seeds, accuracy=accuracy, random=random)
        found = interval(correct, names)
        assert found is not None
        hits += found.low - 1e-9 <= truth <= found.high + 1e-9
    return 100 * hits / runs


def group_of_clips(world: World, groups: int, clips: int) -> NDArray[np.int64]:
    """Returns the number of every clip's group."""
    shares = np.geomspace(1, 4, groups) if world.unequal else np.ones(max(groups, 1))
    sizes = np.maximum(1, np.round(shares / shares.sum() * clips)).astype(int)
    return np.repeat(np.arange(len(sizes)), sizes)


def draw(
    world: World, group: NDArray[np.int64], *, seeds: int, accuracy: float, random: np.random.Generator
) -> tuple[NDArray[np.bool_], float]:
    """Draws which clips are right, [seeds, clips], and returns the true accuracy with them."""
    number, clips = int(group.max()) + 1, len(group)
    if world.intraclass:
        total = 1 / world.intraclass - 1
        chance = random.beta(accuracy * total, (1 - accuracy) * total, size=number)[group]
        shared = random.random((seeds, clips)) < 0.5
        return np.where(shared, random.random(clips), random.random((seeds, clips))) < chance, accuracy
    middle = log_odds(accuracy, float(np.hypot(world.deviation, world.seeds)))
    odds = middle + world.seeds * random.standard_normal((seeds, 1))
    truth = accuracy if seeds > 1 else mean_accuracy(float(odds[0, 0]), world.deviation)
    of_groups = world.groups * random.standard_normal(number) + world.both * random.standard_normal((seeds, number))
    odds = odds + of_groups[:, group] + world.clips * random.standard_normal(clips)
    return random.random((seeds, clips)) < expit(odds), truth


def mean_accuracy(odds: float, deviation: float) -> float:
    """Returns the mean accuracy of normal log odds, by Gauss and Hermite."""
    points, weights = _HERMITE
    return float(expit(odds + deviation * points) @ weights / weights.sum())


def log_odds(accuracy: float, deviation: float) -> float:
    """Returns the mean of the normal log odds that have a mean accuracy."""
    key = (accuracy, deviation)
    if key not in _LOG_ODDS:
        _LOG_ODDS[key] = float(brentq(lambda odds: mean_accuracy(odds, deviation) - accuracy, -9, 60))
    return _LOG_ODDS[key]


_HERMITE = np.polynomial.hermite_e.hermegauss(60)
_LOG_ODDS: dict[tuple[float, float], float] = {}


def draw_pair(
    group: NDArray[np.int64], *, grouped: bool, seeds: int, gap: float, random: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Draws two configurations on the same clips, and returns the true difference with them.

    Of one seed, networks differ by nothing but their configuration, so that equal ones are equal.
    """
    shared, own = (world if grouped else replace(world, groups=0.0) for world in (PAIR, OWN))
    of_seeds = shared.seeds if seeds > 1 else 0.0
    deviation = float(np.sqrt(shared.deviation**2 + own.deviation**2 + of_seeds**2))
    number, clips = int(group.max()) + 1, len(group)
    common = shared.groups * random.standard_normal(number)[group] + shared.clips * random.standard_normal(clips)

    def one(accuracy: float) -> NDArray[np.bool_]:
        odds = log_odds(accuracy, deviation) + common + of_seeds * random.standard_normal((seeds, 1))
        odds = odds + own.groups * random.standard_normal(number)[group] + own.clips * random.standard_normal(clips)
        return np.asarray(random.random((seeds, clips)) < expit(odds))

    return one(0.95), one(0.95 - gap), gap


def pair_row(groups: int, clips: int, seeds: int, runs: int) -> Row:
    """Returns coverage and errors of comparisons of equal configurations and of unequal ones."""
    random = np.random.default_rng([groups, clips, seeds])
    group = group_of_clips(PAIR, groups, clips)
    names = [f"group {number}" for number in group] if groups else None
    row: Row = {"groups": groups or None, "clips": clips, "seeds": seeds}
    for gap, covered, differs in ((0.0, "covered equal", "false"), (GAP, "covered unequal", "power")):
        held = found = 0
        for _ in range(runs):
            a, b, truth = draw_pair(group, grouped=groups > 0, seeds=seeds, gap=gap, random=random)
            comparison = compare(a, b, names)
            assert comparison is not None
            held += comparison.interval.low - 1e-9 <= truth <= comparison.interval.high + 1e-9
            found += comparison.differs
        row |= {covered: 100 * held / runs, differs: 100 * found / runs}
    return row


_COLUMNS = (
    Column("Groups", "groups", ",d"),
    Column("Clips", "clips", ",d"),
    Column("Seeds", "seeds", ",d"),
    *(Column(f"Accuracy {accuracy}", str(accuracy)) for accuracy in ACCURACIES),
)
_BY_WORLD = (
    Column("World", "world"),
    Column("Cells", "cells", ",d"),
    Column("Mean", "mean", ".1f"),
    Column("Lowest", "lowest", ".1f"),
    Column("Highest", "highest", ".1f"),
    Column(f"Under {LEAST:g}", "under", ",d"),
    Column(f"Over {MOST:g}", "over", ",d"),
)
_PAIRS = (
    *_COLUMNS[:3],
    Column("Coverage, equal", "covered equal", ".1f"),
    Column(f"Coverage, {GAP} apart", "covered unequal", ".1f"),
    Column("Called different, equal", "false", ".1f"),
    Column(f"Called different, {GAP} apart", "power", ".1f"),
)
_PAIRS_NOTE = (
    "Groups, clips and (for two seeds and more) seeds differ; groups and clips also do from one configuration to the "
    "other."
)


def _ranges(cells: list[Row]) -> tuple[Row, ...]:
    rows: dict[tuple[int, int, int], dict[str, list[float]]] = {}
    for cell in cells:
        row = rows.setdefault((cell["groups"], cell["clips"], cell["seeds"]), {})
        row.setdefault(str(cell["at"]), []).append(cell["covered"])
    return tuple(
        {"groups": groups or None, "clips": clips, "seeds": seeds}
        | {at: f"{min(values):.1f} to {max(values):.1f}" for at, values in row.items()}
        for (groups, clips, seeds), row in rows.items()
    )


def _by_world(cells: list[Row]) -> tuple[Row, ...]:
    worlds: dict[str, list[float]] = {}
    for cell in cells:
        worlds.setdefault(cell["world"], []).append(cell["covered"])
    return tuple(
        {
            "world": world,
            "cells": len(values),
            "mean": float(np.mean(values)),
            "lowest": min(values),
            "highest": max(values),
            "under": sum(value < LEAST for value in values),
            "over": sum(value > MOST for value in values),
        }
        for world, values in worlds.items()
    )


def _note(cells: list[Row]) -> str:
    covered = [cell["covered"] for cell in cells]
    within = sum(LEAST <= value <= MOST for value in covered)
    return f"{within:,} of {len(covered):,} cells are between {LEAST:g} and {MOST:g} %."

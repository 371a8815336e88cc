"""What a reproduction came to: the same digits, a figure that chance explains, or another one, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.data.prepared import PreparedData
from bench.evaluation.expected_range import EXPLAINED, expected_range
from bench.plugins import Split
from bench.reporting.numbers import plural
from bench.reporting.reproductions import measured_figures
from bench.results.study_records import RunRecord
from bench.search.reproduction import Reproduction

Verdict = Literal["the same to the last digit", "within the spread of its seeds", "differs"]
SAME: Verdict = "the same to the last digit"
WITHIN: Verdict = "within the spread of its seeds"
DIFFERS: Verdict = "differs"
Figures = Mapping[str, float]


class FigureVerdict(BaseModel):
    """A published figure beside the measured one."""

    model_config = ConfigDict(frozen=True)
    published: float
    measured: float
    low: float | None
    """Lower end of what chance explains, see `expected_range`; None if no source of chance is known of the figure."""
    high: float | None

    @property
    def explained(self) -> bool:
        """Whether chance explains the difference, or nothing is known of it."""
        return self.low is None or self.high is None or self.low - 1e-9 <= self.measured <= self.high + 1e-9


class SeedVerdict(BaseModel):
    """The verdict on one seed; None if nothing was published of it."""

    model_config = ConfigDict(frozen=True)
    run: str
    seed: int
    verdict: Verdict | None
    figures: dict[str, FigureVerdict]


class ReproductionVerdict(BaseModel):
    """The verdict on all seeds together, and on each; stored as `verdict.json` beside the runs."""

    model_config = ConfigDict(frozen=True)
    title: str
    verdict: Verdict | None
    """Of the means over seeds; the same to the last digit only if every seed is. None if nothing was published."""
    figures: dict[str, FigureVerdict]
    """Means over seeds, of the published row's and of those here."""
    seeds: tuple[SeedVerdict, ...]
    differences: tuple[str, ...]
    """What is known to differ: code, data, device, threads, versions, settings."""

    def lines(self) -> list[str]:
        """Returns the verdict and what differs, for people."""
        if self.verdict is None:
            return ["verdict: none, since nothing was published to compare with"]
        equal = sum(seed.verdict == SAME for seed in self.seeds)
        lines = [f"verdict: {self.verdict} ({equal} of {plural(len(self.seeds), 'seed')} the same to the last digit)"]
        if self.verdict == DIFFERS:
            lines += [
                f"{name.replace('_', ' ')}: {value.measured:.4f}, and chance explains {value.low:.4f} to {value.high:.4f}"
                for name, value in self.figures.items()
                if not value.explained
            ]
        if self.verdict != SAME:
            lines += [f"differs: {line}" for line in self.differences or ("nothing that is on record",)]
        return lines


def verdict_on(
    wanted: Reproduction, runs: Sequence[RunRecord], data: PreparedData, differences: Sequence[str]
) -> ReproductionVerdict:
    """Compares a reproduction, one run a seed, with what was published.

    A seed is the same if every score, the loss included, is. Otherwise a figure differs if it lies outside the range of
    `expected_range`, at 95 % for all figures (and seeds) together, by Bonferroni's correction.

    Args:
        wanted: What was run again, with what was published of it.
        runs: The runs in the order of its specifications.
        data: The data that they ran on.
        differences: What is known to differ from when it was published.
    """
    here = [measured_figures(run.result) for run in runs]
    published = wanted.published[0] if wanted.published else {}
    names = [name for name in published if all(name in figures for figures in here)]

    def compared(
        measured: Sequence[Figures], with_published: Sequence[Figures], comparisons: int
    ) -> dict[str, FigureVerdict]:
        confidence = 1 - (1 - EXPLAINED) / max(1, comparisons)
        return {
            name: _figure(name, measured, with_published, wanted, here, data, confidence=confidence) for name in names
        }

    seeds = []
    for number, run in enumerate(runs):
        figures = compared([here[number]], [wanted.published[number]], len(names) * len(runs))
        same = bool(wanted.scores) and wanted.scores[number] == (run.result.validation, run.result.test)
        seeds.append(SeedVerdict(run=run.name, seed=run.spec.seed, verdict=_verdict(figures, same), figures=figures))
    means = compared(here, wanted.all_published, len(names))
    return ReproductionVerdict(
        title=wanted.title,
        verdict=_verdict(means, all(seed.verdict == SAME for seed in seeds)),
        figures=means,
        seeds=tuple(seeds),
        differences=(*differences, *_unknown_spread(wanted, runs)),
    )


def _figure(
    name: str,
    measured: Sequence[Figures],
    published: Sequence[Figures],
    wanted: Reproduction,
    here: Sequence[Figures],
    data: PreparedData,
    *,
    confidence: float,
) -> FigureVerdict:
    """The mean of a figure over seeds, with what chance explains about the mean of all published seeds."""
    clips = _clips(name, data)
    published_clips = dict(wanted.published_clips).get(_split(name), clips)
    ends = expected_range(
        [figures[name] for figures in wanted.all_published],
        [figures[name] for figures in here],
        of=len(measured),
        published_clips=clips and published_clips,
        clips=clips,
        confidence=confidence,
    )
    low, high = ends or (None, None)
    return FigureVerdict(
        published=fmean(figures[name] for figures in published),
        measured=fmean(figures[name] for figures in measured),
        low=low,
        high=high,
    )


def _split(name: str) -> Split:
    return "validation" if name.startswith("validation") else "test"


def _clips(name: str, data: PreparedData) -> int | None:
    """Number of clips that a figure is a share of; None for a loss.

    A mean over classes is worth as many clips as have its variance. Segments of one clip go right or wrong together, so that
    they count as one.
    """
    if name.endswith("loss"):
        return None
    sizes = [size for size in data.supports[_split(name)] if size]
    if name.endswith(("balanced_accuracy", "macro_f1")):
        return round(len(sizes) ** 2 / sum(1 / size for size in sizes))
    return sum(sizes)


def _verdict(figures: Mapping[str, FigureVerdict], same: bool) -> Verdict | None:
    if same:
        return SAME
    compared = [figure for figure in figures.values() if figure.low is not None]
    if not compared:
        return None
    return WITHIN if all(figure.explained for figure in compared) else DIFFERS


def _unknown_spread(wanted: Reproduction, runs: Sequence[RunRecord]) -> tuple[str, ...]:
    if len(wanted.all_published) != 1 or len(runs) > 1:
        return ()
    return ("one seed was published and one was run, so how far seeds go apart is not known: run more with --seeds",)

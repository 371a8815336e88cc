"""What a reproduction is told to be: the range that chance explains, the verdicts, and figures that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from reporting_results import fitted, run_record, study_record

from bench.data.prepared import FoldData, PreparedData
from bench.evaluation.expected_range import expected_range, fitting_count
from bench.plugins import PluginConfig, Split
from bench.plugins.registry import installed
from bench.reporting.numbers import Spread
from bench.reporting.reproductions import ReproducedRecipe
from bench.reporting.verdicts import DIFFERS, SAME, WITHIN, verdict_on
from bench.results.study_records import RunRecord
from bench.search.reproduction import Reproduction, of_recipe
from bench.trial import Hardware

SPLITS = ("validation", "test")


def test_equal_seeds_leave_room_for_as_many_clips_as_might_have_come_out_otherwise() -> None:
    """39 of 41 by every seed is no promise of exactly 39."""
    ends = expected_range([39 / 41] * 3, [38 / 41] * 3, of=None, published_clips=41, clips=41)
    assert ends is not None
    assert ends[0] < 38 / 41 and ends[1] == pytest.approx(1.0) and ends[0] > 30 / 41


def test_a_loss_is_compared_by_its_seeds_alone() -> None:
    assert expected_range([0.2], [0.3], of=None, published_clips=None, clips=None) is None
    ends = expected_range([0.20, 0.22, 0.24], [0.3], of=None, published_clips=None, clips=None)
    assert ends is not None
    half = 4.302653 * 0.02 * np.sqrt(1 / 3 + 1)  # Student's t with two degrees of freedom
    assert ends == pytest.approx((0.22 - half, 0.22 + half), abs=1e-6)


@pytest.mark.parametrize(("clips", "spread"), [(41, 0.3), (300, 0.3), (300, 1.0), (2500, 1.0)])
def test_the_same_system_is_found_within_its_spread(clips: int, spread: float) -> None:
    """300 rows of three seeds, each trained again with three: a clip has its own difficulty, a seed its own luck."""
    random = np.random.default_rng(clips)

    def seeds(difficulty: np.ndarray) -> list[float]:
        luck = random.normal(0, spread, size=(3, 1))
        right = random.random((3, clips)) < 1 / (1 + np.exp(-(difficulty + luck)))
        return [float(value) for value in right.mean(axis=1)]

    inside = 0
    for _ in range(300):
        difficulty = random.normal(3, 2, size=clips)
        published, measured = seeds(difficulty), seeds(difficulty)
        ends = expected_range(published, measured, of=None, published_clips=clips, clips=clips)
        assert ends is not None
        inside += ends[0] <= np.mean(measured) <= ends[1]
    assert inside >= 0.92 * 300


def test_a_share_that_no_number_of_clips_gives_is_found() -> None:
    assert fitting_count(0.6329, 87) == (50, 79)
    assert fitting_count(0.8429, 2552) is None and fitting_count(0.9512, 41) is None
    assert fitting_count(0.79, 41) is None, "two decimals are too few to tell"


def test_a_recipe_whose_figure_cannot_be_says_so() -> None:
    recipe = installed().recipe("emodb-cnn-lstm")
    data = study_data().model_copy(
        update={"folds": folds({"train": (371,), "validation": (77,), "test": (87,)}), "labels": ("a",)}
    )
    wanted = of_recipe(recipe, PluginConfig(name="emodb"), folder="x", settings={}, seeds=1)
    line = "the published test accuracy 0.6329 is no share of 87 clips, since 55 are 0.6322; 50 of 79 would be"
    assert line in wanted.differences(data, here(), installed())


def test_seeds_that_are_all_alike_are_read_as_a_number_of_clips() -> None:
    class Alike(ReproducedRecipe):
        def measured(self, name: str) -> Spread | None:
            return Spread.of([39 / 41] * 3)

    supports: dict[Split, tuple[int, ...]] = {"validation": (20, 22), "test": (20, 21)}
    data = study_data().model_copy(update={"folds": folds(supports)})
    record = wanted_of(runs_of(noise=0.9)).record(data, here(), registry=installed(), command="x")
    assert Alike(record, ()).measured_text("test_accuracy") == "0.9512, 39 of 41 (n=3)"
    assert Alike(record, ()).measured_text("test_segment_accuracy") == "0.9512 ± 0.0000 (n=3)"


def here(threads: int = 1) -> Hardware:
    return Hardware(device="cpu", threads=threads, system="Linux x86_64", versions={"torch": "2.11.0"})


def study_data() -> PreparedData:
    return study_record().data


def folds(supports: dict[Split, tuple[int, ...]]) -> tuple[FoldData, ...]:
    """The only fold, with so many clips of every class."""
    return (study_data().folds[0].model_copy(update={"supports": supports}),)


def runs_of(*, noise: float, first: int = 0) -> list[RunRecord]:
    """Three seeds, with the predictions of real regressions."""
    record = study_record()
    return [
        run_record(record, kind="final", repeat=repeat, predictions=fitted(seed=first + repeat, noise=noise))
        for repeat in range(3)
    ]


def wanted_of(runs: Sequence[RunRecord]) -> Reproduction:
    """The runs as a row that was published."""
    figures = []
    scores = []
    for run in runs:
        assert run.result.validation is not None and run.result.test is not None
        scores.append((run.result.validation, run.result.test))
        figures.append({f"{split}_accuracy": each.accuracy for split, each in zip(SPLITS, scores[-1], strict=True)})
    return Reproduction(
        name="12345678",
        folder="12345678",
        title="row 12345678",
        dataset=study_record().dataset,
        specs=tuple(run.spec for run in runs),
        published=tuple(figures),
        all_published=tuple(figures),
        scores=tuple(scores),
        hardware=here(),
    )


def test_the_same_the_spread_and_another() -> None:
    published, data = runs_of(noise=0.9), study_data()
    wanted = wanted_of(published)
    same = verdict_on(wanted, published, data, ())
    assert same.verdict == SAME and [seed.verdict for seed in same.seeds] == [SAME] * 3
    assert same.lines() == ["verdict: the same to the last digit (3 of 3 seeds the same to the last digit)"]

    one_other = verdict_on(wanted, [published[0], *runs_of(noise=0.9, first=50)[1:]], data, ["threads"])
    assert [seed.verdict for seed in one_other.seeds] == [SAME, WITHIN, WITHIN] and one_other.verdict == WITHIN
    assert one_other.lines()[1:] == ["differs: threads"]

    worse = verdict_on(wanted, runs_of(noise=3.0), data, ())
    assert worse.verdict == DIFFERS
    assert worse.lines()[0] == "verdict: differs (0 of 3 seeds the same to the last digit)"
    assert "test accuracy: 0." in worse.lines()[2] and "and chance explains 0." in worse.lines()[2]
    assert worse.lines()[-1] == "differs: nothing that is on record"


def test_seeds_that_are_not_run_again_are_part_of_the_published_spread() -> None:
    published = runs_of(noise=0.9)
    wanted = wanted_of(published)
    alone = replace(wanted, specs=wanted.specs[:1], published=wanted.published[:1], scores=wanted.scores[:1])
    verdict = verdict_on(alone, runs_of(noise=0.9, first=50)[:1], study_data(), ())
    assert verdict.verdict == WITHIN and not verdict.differences
    assert verdict.figures["test_accuracy"].low is not None


def test_nothing_published_is_no_verdict() -> None:
    wanted = replace(wanted_of(runs_of(noise=0.9)), published=({}, {}, {}), all_published=(), scores=())
    verdict = verdict_on(wanted, runs_of(noise=0.9), study_data(), ())
    assert verdict.verdict is None and verdict.lines() == ["verdict: none, since nothing was published to compare with"]


def test_threads_and_compiled_code_are_among_what_differs() -> None:
    wanted = wanted_of(runs_of(noise=0.9))
    lines = wanted.differences(study_data(), here(threads=2), installed())
    assert "the number of threads is 2 here, 1 in the published row" in lines
    compiled = here().model_copy(update={"compiled": True})
    assert "compiled is yes here, no in the published row" in wanted.differences(study_data(), compiled, installed())

"""`bench compare` and the ties of leaderboards, on stored predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_runner import run
from reporting_results import fitted, make_study, run_record, save

import bench
from bench.errors import BenchError
from bench.evaluation.pairwise import by_clips, compare_all, rank_ranges
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_page import render_leaderboard
from bench.reporting.publishing import publish


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with two finalists that are about as good, and one that is far worse."""
    folder = tmp_path_factory.mktemp("results")
    study, record = make_study(folder, finals=0)
    for number, noise in ((1, 0.9), (2, 0.9), (3, 2.5)):
        for repeat in range(3):
            predictions = fitted(seed=10 * number + repeat, noise=noise)
            final = run_record(
                record, kind="final", number=number, repeat=repeat, width=float(number), predictions=predictions
            )
            save(study, final, predictions)
    return folder


def test_seeds_of_one_configuration_tie(results: Path) -> None:
    done = run("compare", "first/final-1-seed-0", "first/final-1-seed-1", "--results", str(results))
    assert done.returncode == 0, done.stderr
    assert "tie" in done.stdout and "better" not in done.stdout
    assert "for new clips and new groups, by this network (90 clips of 6 groups, 1 seed)" in done.stdout
    assert "McNemar" in done.stdout


def test_unequal_configurations_differ_and_more_than_two_are_corrected(results: Path) -> None:
    done = run("compare", "first/final-1", "first/final-2", "first/final-3", "--results", str(results))
    assert done.returncode == 0, done.stderr
    verdicts = [line.split()[-1] for line in done.stdout.splitlines()[1:4]]
    assert verdicts == ["tie", "better", "better"]
    assert "Holm's over 3 pairs" in done.stdout and "new seeds" in done.stdout
    comparison = bench.compare_rows("first/final-1", "first/final-3", results=results)
    (pair,) = comparison.pairs
    assert pair.differs and pair.comparison.interval.low > 0
    assert pair.adjusted == pair.comparison.p_value


def test_rows_of_a_page_are_compared_by_the_predictions_beside_it(results: Path, tmp_path: Path) -> None:
    leaderboard = build_leaderboard(results, "blobs")
    _, page = publish(leaderboard, tmp_path, results=results)
    rows = leaderboard.rows()
    comparison = bench.compare_rows(f"{page}:{rows[0].id}", f"{page}:{rows[2].id}", results=tmp_path)
    assert comparison.pairs[0].differs
    assert [len(row.predictions) for row in comparison.rows] == [3, 3]
    (tmp_path / "blobs.predictions.npz").unlink()
    with pytest.raises(BenchError, match=r"blobs.predictions.npz cannot be read"):
        bench.compare_rows(f"{page}:{rows[0].id}", f"{page}:{rows[1].id}", results=tmp_path)


def test_ranks_are_printed_as_ties(results: Path) -> None:
    leaderboard = build_leaderboard(results, "blobs")
    assert [row.ties for row in leaderboard.rows()] == [(1, 2), (1, 2), (3, 3)]
    page = render_leaderboard(leaderboard, source="x.json")
    assert "| 1-2 | logistic |" in page and "| 3 | logistic |" in page
    assert "Rows whose ranks overlap tie" in page


def test_a_rank_leaves_out_what_it_differs_from() -> None:
    """The same three times, and one that is far worse."""
    results = [[fitted(seed=1, noise=noise)["test"]] for noise in (0.9, 0.9, 0.9, 2.5)]
    assert rank_ranges(compare_all(4, by_clips(results)), 4) == ((1, 3), (1, 3), (1, 3), (4, 4))
    assert rank_ranges((), 2) == ((1, 2), (1, 2))


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["first/final-1"], "name two rows at least"),
        (["first/final-1", "first/final-9"], "no run 'final-9-seed-0'"),
        (["first/trial-0000", "first/final-1"], "first/trial-0000 has no test predictions"),
    ],
)
def test_what_cannot_be_compared_is_one_line(results: Path, rows: list[str], line: str) -> None:
    done = run("compare", *rows, "--results", str(results))
    assert done.returncode == 1
    assert line in done.stderr and done.stderr.count("\n") == 1


def test_clips_of_other_data_are_not_compared(results: Path) -> None:
    study, record = make_study(results, "other", finals=0)
    clips = fitted(seed=1)
    fewer = {
        split: type(part)(
            labels=part.labels,
            ids=part.ids[:40],
            groups=part.groups[:40],
            targets=part.targets[:40],
            probabilities=np.asarray(part.probabilities[:40]),
        )
        for split, part in clips.items()
    }
    save(study, run_record(record, kind="final", number=1, predictions=fewer), fewer)
    with pytest.raises(BenchError, match="different clips"):
        bench.compare_rows("first/final-1", "other/final-1", results=results)

"""Mean ranks over data sets, and the critical difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_runner import run
from reporting_results import fitted, run_record, save, study_record

from bench.errors import BenchError
from bench.evaluation.mean_ranks import mean_ranks
from bench.plugins import PluginConfig
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.figures.critical_difference import _ties
from bench.reporting.publishing import publish
from bench.reporting.ranks_over_pages import ranks_over_pages
from bench.results.study_folder import StudyFolder

NOISE = {"good": 0.3, "fair": 1.5, "poor": 4.0}


def page(folder: Path, dataset: str, models: tuple[str, ...], seed: int) -> Path:
    """A published page with one final of each model."""
    record = study_record(dataset, dataset=PluginConfig(name=dataset))
    study = StudyFolder(folder / "results" / dataset)
    study.write(record)
    for number, model in enumerate(models, start=1):
        predictions = fitted(seed=seed, noise=NOISE[model])
        final = run_record(record, kind="final", number=number, predictions=predictions)
        named = final.spec.model_copy(update={"model": PluginConfig(name=model)})
        save(study, final.model_copy(update={"spec": named}), predictions)
    return publish(build_leaderboard(folder / "results", dataset), folder / "pages")[1]


def test_the_critical_difference_is_demsars() -> None:
    """Section 3.2.2 of the paper: four classifiers on fourteen data sets have 2.569 * sqrt(4 * 5 / (6 * 14)) = 1.25."""
    ranks = mean_ranks("abcd", np.random.default_rng(1).random((14, 4)))
    assert ranks.critical_difference == pytest.approx(1.25, abs=0.005)
    assert ranks.p_value is not None and sum(ranks.ranks) == pytest.approx(10)


def test_equal_scores_share_their_ranks_and_the_best_comes_first() -> None:
    ranks = mean_ranks(["a", "b", "c"], [[0.5, 0.9, 0.9], [0.5, 0.8, 0.9]])
    assert ranks.methods == ("c", "b", "a") and ranks.ranks == (1.25, 1.75, 3.0)
    with pytest.raises(BenchError, match="two of each at least"):
        mean_ranks(["a", "b"], [[0.5, 0.9]])


def test_bars_join_what_does_not_differ() -> None:
    scores = np.tile([0.9, 0.8, 0.7, 0.6, 0.5], (30, 1))
    ranks = mean_ranks("abcde", scores)  # from 1 to 5, and they differ from 1.1 on
    assert ranks.critical_difference == pytest.approx(1.11, abs=0.01)
    assert list(_ties(ranks)) == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_the_figure_of_pages(tmp_path: Path) -> None:
    models = tuple(NOISE)
    pages = [page(tmp_path, name, models, seed) for seed, name in enumerate(("one", "two"))]
    pages.append(page(tmp_path, "three", models[:2], seed=5))
    ranks = ranks_over_pages(pages)
    assert ranks.methods == ("good on mel", "fair on mel") and ranks.ranks == (1.0, 2.0) and ranks.datasets == 3
    done = run("figure", "critical-difference", *map(str, pages), "--output", str(tmp_path / "ranks.png"))
    assert done.returncode == 0 and (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")
    done = run("figure", "critical-difference", str(pages[0]))
    assert done.returncode == 1 and "1 protocols of 1 pages have 3 models on features in common" in done.stderr

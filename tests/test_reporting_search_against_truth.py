"""What a search found beside what came of it: scores, looks at the test split, the best so far, ties and loads."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from reporting_results import fitted, make_study, run_record, save, study_record

from bench.reporting import leaderboard_page
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.publishing import publish
from bench.reporting.search_against_truth import best_so_far, truth_lines
from bench.results.study_records import ReproductionRecord, RunRecord
from bench.trial import MachineLoad


def at(minutes: float) -> str:
    return (datetime.fromisoformat("2025-01-01T10:00:00+00:00") + timedelta(minutes=minutes)).isoformat()


def trial(
    number: int, started: float, finished: float, *, seed: int = 0, noise: float = 1.0, status: str = "complete"
) -> RunRecord:
    predictions = fitted(seed=seed, noise=noise)
    run = run_record(study_record(), number=number, status=status, predictions=predictions)  # type: ignore[arg-type]
    return run.model_copy(update={"started": at(started), "finished": at(finished)})


def test_search_retraining_and_test_stand_side_by_side(tmp_path: Path) -> None:
    """The best trial is trained again and comes to less: the page shows the three figures and what was lost."""
    study, _ = make_study(tmp_path)
    leaderboard = build_leaderboard(tmp_path, "blobs")
    (protocol,) = leaderboard.protocols
    by_width = {run.spec.model.options["width"]: run for run in study.trials() if run.result.status == "complete"}
    for row in protocol.rows:
        validation = by_width[row.model.options["width"]].result.validation
        assert validation is not None and row.search == validation.accuracy
    truth = protocol.studies[0].optimism
    best = max(protocol.rows, key=lambda row: row.search or 0.0)
    assert truth is not None and truth.search == best.search
    assert (truth.validation, truth.test) == pytest.approx(
        (best.validation["accuracy"].mean, best.test["accuracy"].mean)
    )
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert "| Search accuracy | Validation accuracy | Test accuracy |" in page
    assert f"the best of 4 trials had validation accuracy {truth.search:.4f}; " in page
    assert f"({truth.test - truth.search:+.4f})." in page


def test_every_look_at_the_test_split_of_the_folder_is_counted(tmp_path: Path) -> None:
    """Also those of a study by another objective and of a reproduction; not those of other data."""
    make_study(tmp_path, "first")
    make_study(tmp_path, "second", objective="balanced_accuracy")
    make_study(tmp_path, "third", revision="ffffffffffffffff")
    record = study_record()
    study, _ = make_study(tmp_path, "reproduce-row", finals=0)
    (study.folder / "study.json").unlink()
    study.write_reproduction(
        ReproductionRecord(
            name="x", title="x", recipe=False, command="", dataset=record.dataset, data=record.data, published=()
        )
    )
    predictions = fitted(seed=3)
    run = run_record(record, kind="final", number=1, width=9.0, predictions=predictions)
    save(study, run.model_copy(update={"kind": "reproduction"}), predictions)
    looks = {
        (protocol.revision, protocol.objective): protocol.test_looks
        for protocol in build_leaderboard(tmp_path, "blobs").protocols
    }
    counted = looks["0123456789abcdef", "accuracy"]
    assert counted == looks["0123456789abcdef", "balanced_accuracy"]
    assert counted is not None and (counted.runs, counted.configurations, counted.studies) == (13, 5, 3)
    page = leaderboard_page.render_leaderboard(build_leaderboard(tmp_path, "blobs"), source="x.json")
    assert "looked at 13 times, for 5 configurations of 3 studies and reproductions" in page


def test_the_best_so_far_rises_by_trials_in_the_order_of_their_ends() -> None:
    trials = [
        trial(0, 0, 30, noise=1.6),
        trial(1, 0, 10, noise=2.5),
        trial(2, 10, 20, noise=2.6),
        trial(3, 30, 40, noise=0.4, status="pruned"),
        trial(4, 40, 60, noise=0.5),
        trial(5, 60, 70, noise=0.1, status="lost"),
    ]
    improvements, hours = best_so_far(trials)
    assert [(step.trials, round(step.hours * 60)) for step in improvements] == [(1, 10), (3, 30), (5, 60)]
    scores = [step.score for step in improvements]
    assert scores == sorted(scores) and hours == pytest.approx(1)


def test_a_pause_between_two_sittings_is_no_time_of_the_search() -> None:
    improvements, hours = best_so_far([trial(0, 0, 30, noise=2.5), trial(1, 600, 630, noise=0.5)])
    assert [step.hours for step in improvements] == pytest.approx([0.5, 1.0]) and hours == pytest.approx(1.0)
    assert best_so_far([]) == ((), 0.0)


def test_the_published_page_shows_the_curve_of_its_searches(tmp_path: Path) -> None:
    make_study(tmp_path)
    page, _ = publish(build_leaderboard(tmp_path, "blobs"), tmp_path / "pages")
    figure = tmp_path / "pages" / "blobs-search.png"
    assert "](blobs-search.png)" in page.read_text()
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size < 40_000


def test_times_of_a_loaded_machine_are_marked(tmp_path: Path) -> None:
    study, record = make_study(tmp_path, finals=0)
    for number, load in ((1, MachineLoad(start=0.5, end=1.9, cores=2)), (2, MachineLoad(start=0.5, end=5.2, cores=2))):
        predictions = fitted(seed=number)
        run = run_record(record, kind="final", number=number, width=float(number), predictions=predictions)
        save(study, run.model_copy(update={"result": run.result.model_copy(update={"load": load})}), predictions)
    leaderboard = build_leaderboard(tmp_path, "blobs")
    assert {row.model.options["width"]: row.measured_under_load for row in leaderboard.rows()} == {
        1.0: False,
        2.0: True,
    }
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert "1 min 23 s †" in page and "0.5 and 5.2 of 2" in page and "† measured while the machine" in page


def test_a_study_without_finals_has_no_truth(tmp_path: Path) -> None:
    make_study(tmp_path, "first")
    make_study(tmp_path, "second", finals=0)
    (protocol,) = build_leaderboard(tmp_path, "blobs").protocols
    # Both studies tried the same configurations, but only the first has tested them itself.
    assert [study.optimism is None for study in protocol.studies] == [False, True]
    assert [line.startswith("Study first: ") for line in truth_lines(protocol)] == [True, False]

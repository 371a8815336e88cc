"""A little of `make soak`: kills of workers and of the head, and nothing lost or counted twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import soak_checks
import tracking_samples
from soak import Plan, Soak

from bench.results.study_folder import StudyFolder
from bench.tracking.tracker import Tracker


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_trials_survive_kills_of_workers_and_of_the_head(tmp_path: Path) -> None:
    soak = Soak(Plan(trials=6, pause=(0.2, 0.5), runs=(2, 3), merciless=0.0), tmp_path / "soak", say=print)
    assert soak.run() == []
    assert soak.tally.worker_kills >= 1 and soak.tally.head_kills >= 1 and soak.tally.resumes >= 1


def test_the_checks_find_what_is_not_as_it_should_be(tmp_path: Path) -> None:
    """One trial that Optuna was not told of and MLflow has as running, kept and then changed, and two files left."""
    study = StudyFolder(tmp_path / "results" / "soak")
    run, outcome = tracking_samples.finished(0, study="soak")
    tracking_samples.save(tmp_path / "results", run, outcome)
    study.write(tracking_samples.study_record("soak"))
    with Tracker(tmp_path / "results") as tracker:
        tracker.start_study(tracking_samples.study_record("soak"))
        tracker.start_run("soak", run.name, run.spec, kind="trial", number=0)
        import optuna

        optuna.create_study(storage=f"sqlite:///{study.folder / 'optuna.db'}", study_name="soak").ask()
        found = list(soak_checks.disagreements(study, 2))
    for expected in ("1 trials count, not 2", "the finals are not there", "Optuna's trial 0 is RUNNING"):
        assert expected in found
    assert (
        "trial-0000 is 0 times COMPLETE in Optuna" in found
        and "trial-0000 is RUNNING in MLflow, complete on disk" in found
    )
    kept = {"trial-0000": b"{}", "trial-0007": b"{}"}
    assert list(soak_checks.unchanged(study, kept)) == [
        "trial-0000 was kept and has been run again",
        "trial-0007 was kept and is gone",
    ]
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "left").touch()
    (study.folder / ".run.json.1.unfinished").touch()
    assert len(list(soak_checks.leftovers(tmp_path))) == 2

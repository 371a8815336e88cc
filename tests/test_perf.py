"""The measurements run in small sizes and write their tables. No test depends on a time that was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perf import __main__ as command
from perf.machine import in_own_process, with_peak_memory
from perf.parts import measure
from perf.tables import Column, Sizes, Table

# The parts are imported where they run: a process of its own imports this module.
ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_scheduler_is_measured_by_a_real_study(tmp_path: Path) -> None:
    from bench.results.study_folder import StudyFolder
    from perf.scheduler import BLOCKING_COSTS, EPOCHS, SHORT_TRIAL, run_instant_study

    recorder = run_instant_study(tmp_path, 3)
    trials = StudyFolder(tmp_path / "results" / "made").trials()
    assert [run.number for run in trials] == [0, 1, 2]
    assert {run.result.train_seconds for run in trials} <= {SHORT_TRIAL, 1.0}
    assert all(len(run.result.epochs) <= EPOCHS for run in trials)
    assert set(recorder.seconds) >= set(BLOCKING_COSTS) and all(
        len(seconds) == 3 for seconds in recorder.seconds.values()
    )
    assert all(sum(seconds) > 0 for seconds in recorder.seconds.values()), "each of the costs was seen"
    assert len(recorder.megabytes) == 3


def test_a_process_of_its_own_returns_its_result_and_its_peak_memory() -> None:
    size, small = with_peak_memory(_hold, 1)
    assert size == 2**20
    size, large = with_peak_memory(_hold, 200)
    assert size == 200 * 2**20
    assert large - small > 100


def _hold(megabytes: int) -> int:
    import time

    content = b"x" * (megabytes * 2**20)
    time.sleep(0.5)
    return len(content)


def test_a_process_that_dies_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="without a result"):
        in_own_process(_die)


def _die() -> None:
    import os

    os._exit(3)


def test_results_replace_the_tables_of_the_page_and_nothing_else(tmp_path: Path) -> None:
    page = (ROOT / "perf" / "README.md").read_text()
    (tmp_path / "README.md").write_text(page)
    table = Table("Things", (Column("What", "what"), Column("Much", "much", ".2f")), ({"what": "a|b", "much": 1.234},))
    part = {
        "machine": {"cores": "2"},
        "measured": "2020-01-01T00:00",
        "load_before": 0.1,
        "seconds": 3,
        "tables": [table.json()],
        "markdown": [table.markdown()],
    }
    command.write({"scheduler": part}, tmp_path)
    written = (tmp_path / "README.md").read_text()
    assert written.split(command.BEGIN)[0] == page.split(command.BEGIN)[0]
    assert written.split(command.END)[1] == page.split(command.END)[1]
    assert "| a\\|b | 1.23 |" in written and "cores 2" in written
    assert json.loads((tmp_path / "results.json").read_text())["scheduler"]["tables"][0]["rows"][0]["much"] == 1.234
    command.write({"scheduler": part}, tmp_path)
    assert (tmp_path / "README.md").read_text() == written
    command.write({"scheduler": part, "epochs on cuda": part}, tmp_path)
    assert "## epochs on cuda" in (tmp_path / "README.md").read_text().split("## scheduler")[0]


def test_a_trial_of_the_study_leaves_nothing_but_the_learning_rate_to_search() -> None:
    from bench.options import parse_settings
    from bench.plugins.registry import installed
    from bench.search.space import build_space
    from perf.study import FIXED_SETTINGS

    space = build_space(
        installed(),
        features=["mel"],
        models=["tc-resnet"],
        settings=parse_settings([*FIXED_SETTINGS, "training.epochs=2"]),
        recipes=[],
    )
    assert set(space.ranges) == {"training.learning_rate"}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["epochs", "study", "startup", "memory"])
def test_a_part_runs_in_small(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VEC_ISA_OK", "CPP_CACHE_PRECOMPILE_HEADERS"):  # trying out the compiler takes longer than compiling
        monkeypatch.setenv(f"TORCHINDUCTOR_{name}", "0")
    for table in measure(part, Sizes(quick=True)):
        assert table.rows
        assert table.markdown().startswith("### ") and "| " in table.markdown()


@pytest.mark.slow
def test_a_quick_run_prints_its_tables_and_stores_nothing() -> None:
    before = (ROOT / "perf" / "README.md").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "perf", "--quick", "--parts", "frontend"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### ") and "| " in done.stdout
    assert (ROOT / "perf" / "README.md").read_bytes() == before


def test_a_peer_that_is_not_installed_is_said() -> None:
    (table,) = measure("peer", Sizes(quick=True))
    assert table.rows == () and "could not be installed" in table.markdown()

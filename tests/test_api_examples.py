"""The examples run as they stand, outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def folder(
    tmp_path: Path, spoken_digits: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A folder of its own, and one core, since other tests have the others."""
    if hasattr(os, "sched_setaffinity"):
        everything = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(everything)})
        request.addfinalizer(lambda: os.sched_setaffinity(0, everything))
    monkeypatch.delenv("BENCH_RESULTS_DIR")
    monkeypatch.setenv("BENCH_DATA_DIR", str(spoken_digits))
    return tmp_path


def test_the_quickstart(folder: Path) -> None:
    script = EXAMPLES / "quickstart.py"
    assert len(script.read_text().splitlines()) <= 25
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    for shown in ("[2/2]", "validation_accuracy", "test_accuracy", "probability"):
        assert shown in done.stdout
    assert (folder / "bench-results" / "spoken-digits-1" / "final-1-seed-0" / "report" / "report.md").is_file()


def test_the_notebook(folder: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    texts = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "text/plain" in output.get("data", {})
    ]
    assert len(texts) == 4
    for text, shown in zip(
        texts, ("<Study spoken-digits-1", "perceptron", "test_accuracy", "probability"), strict=True
    ):
        assert shown in text

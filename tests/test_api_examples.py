"""The examples run as they stand, outside the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def folder(tmp_path: Path, spoken_digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with the recordings, and with the machine's cores as anybody has them."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("BENCH_RESULTS_DIR")
    (tmp_path / "data").symlink_to(spoken_digits)
    return tmp_path


def test_the_quickstart(folder: Path) -> None:
    script = EXAMPLES / "quickstart.py"
    assert len(script.read_text().splitlines()) <= 25
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    for shown in ("[3/3]", "validation_accuracy", "test_accuracy", "probability", "data/spoken-digits-v1/"):
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

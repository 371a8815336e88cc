"""A study's winner in MLflow's registry: loaded by MLflow, in a process without bench, it says what the harness says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from api_classes import QUICK
from cli_runner import refusal, run
from made_audio import cats_and_dogs, tone, write

import bench
from bench.results.study_folder import StudyFolder
from bench.tracking.tracker import Tracker
from bench.tracking.tracking_store import default_uri, follow_moved_folder, open_client

for library in ("onnx", "onnxruntime"):
    pytest.importorskip(library, reason="pip install 'bench-audio[export]'")

ELSEWHERE = """
import json, sys
import mlflow, pandas as pd

model = mlflow.pyfunc.load_model(sys.argv[1])
paths = sys.argv[2:]
table = model.predict(pd.DataFrame({"path": paths}))
assert table.equals(model.predict(paths)), "a list of paths, and a table of them"
assert not any(name.split(".")[0] in ("bench", "bench_plugins", "torch") for name in sys.modules), "needs no bench"
print(json.dumps({"columns": list(table.columns), "rows": table.values.tolist(), "run": model.metadata.run_id}))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    """A study whose network is given segments, in the results folder's own database."""
    root = tmp_path_factory.mktemp("register")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        options = {**QUICK, "trials": 1, "results": root / "results"}
        segments = {"training.segment_seconds": 0.2, "training.segment_peak": 0.3}
        options["settings"] = {**options.get("settings", {}), **segments}
        done = bench.run(f"folder:{cats_and_dogs(root / 'audio', clips=12)}", **options)
    with Tracker(root / "results") as tracker:
        tracker.reconcile(StudyFolder(done.folder))
        tracker.finish_study(done.name, best={})
    return done


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of another rate, in stereo, shorter than a clip, and of several clips and a half."""
    root = tmp_path_factory.mktemp("recordings")
    sounds = {"own.wav": (0, 0.5, 8000), "short.flac": (1, 0.21, 44_100), "long.wav": (1, 1.3, 22_050)}
    for name, (pitch, seconds, rate) in sounds.items():
        sound = tone(pitch, seconds=seconds, sample_rate=rate)
        write(root / name, np.stack([sound, 0.3 * sound], axis=1) if name == "short.flac" else sound, rate)
    return [root / name for name in sounds]


def test_mlflow_loads_what_was_registered_and_says_the_same(
    study: bench.Study, recordings: list[Path], tmp_path: Path
) -> None:
    results = study.folder.parent
    done = run("export", study.best.folder, "--register", "animals", "--out", tmp_path / "a.onnx")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert f"registered models:/animals/1 in {default_uri(results)}" in done.stdout
    client = open_client(default_uri(results))
    version = client.get_model_version("animals", "1")
    (final,) = [r for r in _runs(client) if r.data.tags.get("bench.run") == study.best.name]
    assert version.run_id == final.info.run_id and version.tags["bench.run"].endswith(study.best.name)
    (output,) = final.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert {metric.key: metric.value for metric in logged.metrics}["test_accuracy"] == final.data.metrics[
        "test_accuracy"
    ]
    assert final.info.status == "FINISHED" and len(client.get_metric_history(final.info.run_id, "test_accuracy")) == 1

    said = elsewhere("models:/animals/1", recordings, default_uri(results), tmp_path)
    expected = study.best.load_model().predict(recordings)
    assert said["columns"] == list(expected.columns)[1:] == ["label", "probability", "cat", "dog"]
    assert [row[0] for row in said["rows"]] == list(expected["label"]) and said["run"] == version.run_id
    np.testing.assert_allclose([row[2:] for row in said["rows"]], expected[["cat", "dog"]], atol=1e-4)

    moved = Path(shutil.copytree(results, tmp_path / "moved"))
    follow_moved_folder(moved, even_if_running=True)
    client = open_client(default_uri(moved))
    location = (moved / "artifacts").as_uri()
    assert client.get_model_version_download_uri("animals", "1").startswith(f"{location}/")
    assert client.get_logged_model(output.model_id).artifact_location.startswith(f"{location}/")


def elsewhere(uri: str, recordings: list[Path], store: str, folder: Path) -> dict:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, uri, *map(str, recordings)],
        env={**environment, "MLFLOW_TRACKING_URI": store},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said: dict = json.loads(done.stdout.splitlines()[-1])
    return said


def _runs(client) -> list:
    return [r for e in client.search_experiments() for r in client.search_runs([e.experiment_id])]


def test_what_is_refused(study: bench.Study, tmp_path: Path) -> None:
    folder, out = study.best.folder, tmp_path / "a.onnx"
    for words, said in (
        (("--register", "a/b"), "without / and :"),
        (("--register", ""), "without / and :"),
        (("--register", "a", "--format", "torch"), "--register is of ONNX files"),
        (("--register", "a", "--model-card"), "--model-card writes no network"),
        (("--register", "a", "--tracking-uri", "ftp://x"), "no address of MLflow"),
    ):
        refusal(run("export", folder, "--out", out, *words), said, code=2)
    refusal(
        run("export", folder, "--out", out, "--register", "a", "--tracking-uri", "http://127.0.0.1:9"),
        "no MLflow server listens at http://127.0.0.1:9",
    )
    assert not out.exists()

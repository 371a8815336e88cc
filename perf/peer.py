"""Training throughput beside a peer: autrainer, from PyPI, in an environment of its own.

Both train the same network (the harness's tc-resnet, see perf/peer_model.py) on the same clips, with a log-mel spectrogram
of the same window, hop and bands, in batches of the same size, for as many epochs, with AdamW and one thread. autrainer runs
by its own command line, in the two ways that its documentation has: features computed beforehand by `autrainer preprocess`
and read from a file in every epoch, and features computed from audio in every epoch.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import torch
import yaml  # type: ignore[import-untyped]  # MLflow brings it

from bench.errors import BenchError
from bench.files import cache_directory
from bench.markdown import escape
from bench.plugins import TrainingSettings
from bench_plugins.features import Mel
from bench_plugins.models import TcResNet
from perf import sound
from perf.epochs import BATCH, harness, make_clips
from perf.machine import WORKER, in_own_process
from perf.tables import Column, Row, Sizes, Table

ENVIRONMENT = "perf/autrainer"
"""Of the cache folder."""
ROOT = Path(__file__).resolve().parents[1]
BANDS, WINDOW, HOP = 64, 512, 160
FEATURE = Mel(n_mels=BANDS, window_ms=32.0, hop_ms=10.0, normalise="none", precision="float32")
PANN_MEL = {
    "autrainer.transforms.PannMel": {
        "sample_rate": sound.RATE,
        "window_size": WINDOW,
        "hop_size": HOP,
        "mel_bins": BANDS,
        "fmin": 20,
        "fmax": sound.RATE // 2,
        "ref": 1.0,
        "amin": 1e-10,
        "top_db": None,
    }
}
WAYS = {
    "computed once": "Kept",
    "in every epoch": "Online",
    "in every epoch, with a second core": "Loaded",
}
"""Of having features; the name of autrainer's configuration. On a second core autrainer has a loading process, and
the harness a thread that makes batches ahead."""
SETTINGS = TrainingSettings(epochs=10_000, batch_size=BATCH, schedule="constant", time_shift=0.0, label_smoothing=0.0)


class NotInstalled(Exception):
    """The peer could not be installed; says why."""


def environment(*, make: bool) -> Path:
    """autrainer's Python, installed at the first call. Raises NotInstalled where it is not there, or cannot be made.

    It gets the torch that the harness has, so that the comparison is not one between two of them.
    """
    folder = cache_directory() / ENVIRONMENT
    python, whole = folder / "bin" / "python", folder / "installed"
    if whole.is_file():
        return python
    if not make:
        raise NotInstalled(f"{folder} is not there: run `python -m perf --parts peer` once")
    same = [f"{name}=={version(name).split('+')[0]}" for name in ("torch", "torchaudio")]
    needed = ["autrainer", *same, *(f"{name}=={version(name)}" for name in ("pydantic", "pluggy", "soundfile"))]
    for command in ([sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "-q", *needed]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotInstalled((done.stderr or done.stdout).strip().splitlines()[-1])
    whole.touch()
    return python


def peer_version(python: Path) -> str:
    """The version that is installed."""
    command = [str(python), "-c", "from importlib.metadata import version; print(version('autrainer'))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write_project(folder: Path, clips: int, epochs: int) -> None:
    """An autrainer project: data in its standard layout, and the configuration as `autrainer create` starts it."""
    data = folder / "data" / "Made"
    sound.files(data / "default", sound.noise(clips))
    names = [f"{number:05d}.wav,class-{label}" for number, label in enumerate(sound.labels(clips))]
    few = names[:BATCH]  # its evaluation is no part of what is timed
    for split, rows in (("train", names), ("dev", few), ("test", few)):
        (data / f"{split}.csv").write_text("\n".join(["filename,label", *rows]) + "\n")
    audio = {"autrainer.datasets.utils.AudioFileHandler": {"target_sample_rate": sound.RATE}}
    data_set: Row = {
        "_target_": "autrainer.datasets.BaseClassificationDataset",
        "path": "data/Made",
        "index_column": "filename",
        "target_column": "label",
        "criterion": "autrainer.criterions.CrossEntropyLoss",
        "metrics": ["autrainer.metrics.Accuracy"],
        "tracking_metric": "autrainer.metrics.Accuracy",
    }
    kept: Row = {
        "id": "Kept",
        "features_subdir": "log_mel",
        "file_type": "npy",
        "file_handler": "autrainer.datasets.utils.NumpyFileHandler",
        "transform": {"type": "grayscale"},
    }
    online: Row = {
        "id": "Online",
        "features_subdir": "default",
        "file_type": "wav",
        "file_handler": audio,
        "transform": {"type": "raw", "base": [PANN_MEL]},
    }
    loaded: Row = {**online, "id": "Loaded", "train_loader_kwargs": {"num_workers": 1}}
    model: Row = {"_target_": "perf.peer_model.SameNetwork", "bands": BANDS, "frames": sound.RATE // HOP + 1}
    config: Row = {
        "defaults": ["_autrainer_", "_self_"],
        "results_dir": "results",
        "experiment_id": "default",
        "iterations": epochs,
        "device": "cpu",
        "progress_bar": False,
    }
    choice = {"+seed": 1, "+batch_size": BATCH, "+learning_rate": 0.001, "optimizer": "AdamW"}
    for way in (kept, online, loaded):
        name, kind = str(way["id"]), {"type": way["transform"]["type"]}
        _yaml(folder / f"conf/dataset/{name}.yaml", {**data_set, **way})
        _yaml(folder / f"conf/model/Same{name}.yaml", {"id": f"Same{name}", **model, "transform": kind})
        swept = {**choice, "dataset": name, "model": f"Same{name}"}
        _yaml(folder / f"conf/{name}.yaml", {**config, "hydra": {"sweeper": {"params": swept}}})
    _yaml(folder / "conf/preprocessing/log_mel.yaml", {"file_handler": audio, "pipeline": [PANN_MEL]})


def _yaml(path: Path, content: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def autrainer(python: Path, folder: Path, *arguments: str) -> None:
    """Runs one of autrainer's commands. Raises BenchError with the last of what it said where it fails."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [str(python.with_name("autrainer")), *arguments],
        cwd=folder,
        env={**os.environ, **WORKER, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchError(f"autrainer {' '.join(arguments)} failed: {(done.stderr or done.stdout)[-2000:]}")


def seconds_of_its_epoch(python: Path, folder: Path, name: str) -> float:
    """Mean seconds of an epoch of training by its own timer, which leaves evaluation out."""
    runs = folder / "results" / "default" / "training"
    shutil.rmtree(folder / "results", ignore_errors=True)  # it skips what it has done
    autrainer(python, folder, "train", "-cn", f"{name}.yaml")
    (timer,) = runs.glob(f"{name}_*/timer.yaml")
    return float(yaml.safe_load(timer.read_text())["train"]["mean_seconds"])


def seconds_of_our_epoch(clips: int, epochs: int, name: str) -> float:
    """Mean seconds of an epoch of the harness, after one to warm up: autrainer, too, has run its network by then."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        ours = harness(SETTINGS, keep=name == "Kept", ahead=name == "Loaded")
        timings = iter(ours(TcResNet(), FEATURE, make_clips(clips, Path(folder), "cpu", timed=clips)))
        next(timings)
        begin = time.perf_counter()
        for _ in range(epochs):
            next(timings)
        return (time.perf_counter() - begin) / epochs


def measure(sizes: Sizes) -> list[Table]:
    """One table; autrainer and the harness in turn, again and again. Says so where autrainer cannot be installed."""
    clips, epochs, repeats = sizes.of(2000, 128), sizes.of(5, 1), sizes.of(3, 1)
    try:
        python = environment(make=not sizes.quick)
    except NotInstalled as error:
        return [
            Table("autrainer", (), (), note=f"Not measured: autrainer could not be installed ({escape(str(error))}).")
        ]
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_project(folder, clips, epochs)
        autrainer(python, folder, "preprocess", "-cn", "Kept.yaml")
        for _ in range(repeats):
            for way, name in WAYS.items():
                theirs = seconds_of_its_epoch(python, folder, name)
                ours = in_own_process(seconds_of_our_epoch, clips, epochs, name, environment=WORKER)
                seconds.setdefault((way, "autrainer"), []).append(theirs)
                seconds.setdefault((way, "bench"), []).append(ours)
    rows = []
    for way in WAYS:
        theirs, ours = (statistics.median(seconds[way, who]) for who in ("autrainer", "bench"))
        rows += [
            {"way": way, "who": f"autrainer {peer_version(python)}", "clips_a_second": clips / theirs, "times": 1.0},
            {"way": way, "who": "bench", "clips_a_second": clips / ours, "times": theirs / ours},
        ]
    return [
        Table(
            title="Training beside autrainer",
            columns=(
                Column("Features", "way"),
                Column("Harness", "who"),
                Column("Clips a second", "clips_a_second", ",.0f"),
                Column("Times autrainer", "times", ".2f"),
            ),
            rows=tuple(rows),
            note=f"Medians of {repeats}, in turn: {epochs} epoch(s) of the same tc-resnet over {clips:,} clips of one "
            f"second, log-mel of {BANDS} bands, batches of {BATCH}, AdamW, one torch thread. autrainer's seconds are of its "
            "own timer of training, without its evaluation. Features computed once are computed before either clock starts.",
        )
    ]

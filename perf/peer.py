"""Compares training throughput with that of autrainer, from PyPI, in an environment of its own.

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
"""Folder of the environment, within the cache folder."""
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
    "computed once": "Cached",
    "in every epoch": "Online",
    "in every epoch, with a second core": "Loaded",
}
"""Ways to compute features, with the name of autrainer's configuration. On a second core autrainer has a loading process,
and the harness a prefetching thread."""
SETTINGS = TrainingSettings(epochs=10_000, batch_size=BATCH, schedule="constant", time_shift=0.0, label_smoothing=0.0)


class NotInstalled(Exception):
    """Signals that the peer could not be installed, with the reason."""


def environment(*, make: bool) -> Path:
    """Returns autrainer's Python, which the first call installs. Raises NotInstalled if that fails or is not allowed.

    It has the same torch as the harness, so that the comparison is not one between versions of torch.
    """
    folder = cache_directory() / ENVIRONMENT
    python, installed_marker = folder / "bin" / "python", folder / "installed"
    if installed_marker.is_file():
        return python
    if not make:
        raise NotInstalled(f"{folder} is not there: run `python -m perf --parts peer` once")
    same_versions = [f"{name}=={version(name).split('+')[0]}" for name in ("torch", "torchaudio")]
    needed = [
        "autrainer",
        *same_versions,
        *(f"{name}=={version(name)}" for name in ("pydantic", "pluggy", "soundfile")),
    ]
    for command in ([sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "-q", *needed]):
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode != 0:
            raise NotInstalled((process.stderr or process.stdout).strip().splitlines()[-1])
    installed_marker.touch()
    return python


def peer_version(python: Path) -> str:
    """Returns the installed version of autrainer."""
    command = [str(python), "-c", "from importlib.metadata import version; print(version('autrainer'))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write_project(folder: Path, clips: int, epochs: int) -> None:
    """Writes an autrainer project with data in its standard layout and a configuration as `autrainer create` makes it."""
    data = folder / "data" / "Made"
    sound.files(data / "default", sound.noise(clips))
    names = [f"{number:05d}.wav,class-{label}" for number, label in enumerate(sound.labels(clips))]
    evaluation_names = names[:BATCH]  # Its evaluation is not timed.
    for split, rows in (("train", names), ("dev", evaluation_names), ("test", evaluation_names)):
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
    cached: Row = {
        "id": "Cached",
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
    for way in (cached, online, loaded):
        name, kind = str(way["id"]), {"type": way["transform"]["type"]}
        _yaml(folder / f"conf/dataset/{name}.yaml", {**data_set, **way})
        _yaml(folder / f"conf/model/Same{name}.yaml", {"id": f"Same{name}", **model, "transform": kind})
        parameters = {**choice, "dataset": name, "model": f"Same{name}"}
        _yaml(folder / f"conf/{name}.yaml", {**config, "hydra": {"sweeper": {"params": parameters}}})
    _yaml(folder / "conf/preprocessing/log_mel.yaml", {"file_handler": audio, "pipeline": [PANN_MEL]})


def _yaml(path: Path, configuration: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(configuration, sort_keys=False))


def autrainer(python: Path, folder: Path, *arguments: str) -> None:
    """Runs one of autrainer's commands. Raises BenchError with the end of its output if it fails."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    process = subprocess.run(
        [str(python.with_name("autrainer")), *arguments],
        cwd=folder,
        env={**os.environ, **WORKER, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if process.returncode != 0:
        raise BenchError(f"autrainer {' '.join(arguments)} failed: {(process.stderr or process.stdout)[-2000:]}")


def seconds_of_its_epoch(python: Path, folder: Path, name: str) -> float:
    """Returns autrainer's mean seconds of a training epoch by its own timer, which excludes evaluation."""
    runs = folder / "results" / "default" / "training"
    shutil.rmtree(folder / "results", ignore_errors=True)  # autrainer skips runs that it has results of.
    autrainer(python, folder, "train", "-cn", f"{name}.yaml")
    (timer,) = runs.glob(f"{name}_*/timer.yaml")
    return float(yaml.safe_load(timer.read_text())["train"]["mean_seconds"])


def seconds_of_our_epoch(clips: int, epochs: int, name: str) -> float:
    """Returns the harness's mean seconds of an epoch after a warm-up, since autrainer has also run its network by then."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        our_seconds = harness(SETTINGS, cache=name == "Cached", prefetch=name == "Loaded")
        timings = iter(our_seconds(TcResNet(), FEATURE, make_clips(clips, Path(folder), "cpu", timed=clips)))
        next(timings)
        start = time.perf_counter()
        for _ in range(epochs):
            next(timings)
        return (time.perf_counter() - start) / epochs


def measure(sizes: Sizes) -> list[Table]:
    """Returns one table; autrainer and the harness run in turn. A note says if autrainer cannot be installed."""
    clips, epochs, repeats = sizes.of(2000, 128), sizes.of(5, 1), sizes.of(3, 1)
    try:
        python = environment(make=not sizes.quick)
    except NotInstalled as error:
        return [
            Table("autrainer", (), (), note=f"Not measured: autrainer could not be installed ({escape(str(error))}).")
        ]
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_project(folder, clips, epochs)
        autrainer(python, folder, "preprocess", "-cn", "Cached.yaml")
        for _ in range(repeats):
            for way, name in WAYS.items():
                their_seconds = seconds_of_its_epoch(python, folder, name)
                our_seconds = in_own_process(seconds_of_our_epoch, clips, epochs, name, environment=WORKER)
                seconds.setdefault((way, "autrainer"), []).append(their_seconds)
                seconds.setdefault((way, "bench"), []).append(our_seconds)
    rows = []
    for way in WAYS:
        their_seconds, our_seconds = (statistics.median(seconds[way, who]) for who in ("autrainer", "bench"))
        rows += [
            {
                "way": way,
                "who": f"autrainer {peer_version(python)}",
                "clips_a_second": clips / their_seconds,
                "times": 1.0,
            },
            {"way": way, "who": "bench", "clips_a_second": clips / our_seconds, "times": their_seconds / our_seconds},
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

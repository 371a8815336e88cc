"""Whether the memory of the head and of a worker stays as it is over a study: a real one, of very short trials."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from perf.command import STUDY, bench, finish
from perf.machine import descendants, resident_megabytes
from perf.sound import data_set
from perf.tables import Column, Sizes, Table

AROUND = 3
"""Trials over which a median is taken, since a worker's memory rises and falls with every trial."""


def watch(folder: Path, audio: Path, trials: int) -> dict[str, dict[int, list[float]]]:
    """Resident memory in MiB by process (head, worker) and by how many trials had ended, twenty times a second."""
    process = bench(
        *("run", "--dataset", f"folder:{audio}", "--models", "tc-resnet", "--features", "mel", "--study", STUDY),
        *("--trials", str(trials), "--threads", "1", "--epochs", "2", "--finalists", "0", "--pruner", "none"),
        *(
            "--set",
            "training.batch_size=64",
            "--set",
            "feature.mel.sample_rate=8000",
            "--set",
            "model.tc-resnet.depth=8",
        ),
        folder=folder,
    )
    seen: dict[str, dict[int, list[float]]] = {"head": defaultdict(list), "worker": defaultdict(list)}
    study = folder / "results" / STUDY
    done = 0
    while process.poll() is None:
        while (study / f"trial-{done:04d}" / "run.json").is_file():
            done += 1
        # A spawned worker has the resource tracker beside it, which is small.
        workers = [resident_megabytes(child) for child in descendants(process.pid)]
        if workers:
            seen["head"][done].append(resident_megabytes(process.pid))
            seen["worker"][done].append(max(workers))
        time.sleep(0.05)
    finish(process, folder)
    return seen


def measure(sizes: Sizes) -> list[Table]:
    """One table."""
    trials = sizes.of(206, 8)
    early, late = sizes.of(20, 4), sizes.of(200, 6)
    with tempfile.TemporaryDirectory() as place:
        seen = watch(Path(place), data_set(Path(place) / "audio", clips=120), trials)
    rows = []
    for process, by_trial in seen.items():
        before, after = (_around(place, by_trial) for place in (early, late))
        rows.append({"process": process, "early": before, "late": after, "change": after / before - 1})
    return [
        Table(
            title="Memory over a study",
            columns=(
                Column("Process", "process"),
                Column(f"At trial {early}, MiB", "early", ",.0f"),
                Column(f"At trial {late}, MiB", "late", ",.0f"),
                Column("Change", "change", "+.1%"),
            ),
            rows=tuple(rows),
            note=f"Resident memory, libraries included; medians over the {2 * AROUND + 1} trials around. bench run, one "
            "worker, tc-resnet on mel, 2 epochs of 80 clips a trial.",
        )
    ]


def _around(place: int, by_trial: dict[int, list[float]]) -> float:
    return statistics.median(
        held for trial, values in by_trial.items() if abs(trial - place) <= AROUND for held in values
    )

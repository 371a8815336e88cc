"""Measures whether the memory of the scheduler and of a worker grows over a real study of very short trials."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from perf.command import STUDY, UNTRACKED, bench, finish
from perf.machine import descendants, resident_megabytes
from perf.sound import data_set
from perf.tables import Column, Sizes, Table

AROUND = 3
"""Number of trials on both sides over which a median is taken, since memory rises and falls with every trial."""


def measure_memory(
    folder: Path, audio: Path, trials: int, *, options: Iterable[str] = ()
) -> dict[str, dict[int, list[float]]]:
    """Samples resident memory in MiB twenty times a second, by process (scheduler, worker) and number of ended trials."""
    process = bench(
        *("run", "--dataset", f"folder:{audio}", "--models", "tc-resnet", "--features", "mel", "--study", STUDY),
        *("--trials", str(trials), "--threads", "1", "--epochs", "2", "--finalists", "0", "--pruner", "none"),
        *options,
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
    samples: dict[str, dict[int, list[float]]] = {"scheduler": defaultdict(list), "worker": defaultdict(list)}
    study = folder / "results" / STUDY
    done = 0
    while process.poll() is None:
        while (study / f"trial-{done:04d}" / "run.json").is_file():
            done += 1
        # Beside the worker runs its resource tracker, which is small.
        workers = [resident_megabytes(child) for child in descendants(process.pid)]
        if workers:
            samples["scheduler"][done].append(resident_megabytes(process.pid))
            samples["worker"][done].append(max(workers))
        time.sleep(0.05)
    finish(process, folder)
    return samples


def measure(sizes: Sizes) -> list[Table]:
    """Returns one table."""
    trials = sizes.of(206, 3)
    early, late = sizes.of(20, 1), sizes.of(200, 2)
    options = sizes.of((), UNTRACKED)
    with tempfile.TemporaryDirectory() as temporary:
        samples = measure_memory(
            Path(temporary), data_set(Path(temporary) / "audio", clips=sizes.of(120, 40)), trials, options=options
        )
    rows = []
    for process, by_trial in samples.items():
        before, after = (_median_around(temporary, by_trial) for temporary in (early, late))
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


def _median_around(trial: int, by_trial: dict[int, list[float]]) -> float:
    return statistics.median(
        megabytes for number, values in by_trial.items() if abs(number - trial) <= AROUND for megabytes in values
    )

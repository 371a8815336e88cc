"""Compares a search of short trials by `bench run` with the same trainings by a bare loop in one process."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch

from bench.plugins.registry import installed
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord, StudyRecord
from bench.training.device_clips import DataOnDevice
from bench.training.frontend import FrontEnd
from bench.trial import TrialSpec
from perf.command import IN_SMALL, LOCAL, STUDY, StudyTimes, study_times
from perf.epochs import step
from perf.machine import WORKER, in_own_process
from perf.sound import data_set
from perf.tables import Column, Row, Sizes, Table

FIXED_SETTINGS = (
    *("training.batch_size=64", "training.optimiser=adamw", "training.schedule=constant", "training.weight_decay=0.01"),
    *("training.label_smoothing=0.0", "training.time_shift=0.0", "training.noise_snr=null", "training.gain=0.0"),
    *("training.time_mask=0.0", "training.frequency_mask=0.0", 'training.balance="none"'),
    *(
        "model.tc-resnet.depth=8",
        "model.tc-resnet.width=1.0",
        "model.tc-resnet.kernel=9",
        "model.tc-resnet.dropout=0.2",
    ),
    *(
        "feature.mel.n_mels=40",
        "feature.mel.window_ms=25",
        "feature.mel.hop_ms=10",
        "feature.mel.scale=db",
        "feature.mel.sample_rate=16000",
    ),
    "training.learning_rate=[0.0005, 0.001, 0.002, 0.004]",
)
"""Settings of every trial. Only the learning rate is searched, so that all trials cost the same."""


def train_bare(spec: TrialSpec, data: DataOnDevice) -> float:
    """Trains a trial by a bare loop with features computed once and validation; returns the seconds that it took."""
    feature = installed().feature(spec.feature)
    training, validation = (data.split(split, feature.sample_rate) for split in ("train", "validation"))
    start = time.perf_counter()
    torch.manual_seed(spec.seed)
    front_end = FrontEnd(feature, data.device)
    features, validation_features = front_end.all_of(training), front_end.all_of(validation)
    network = installed().model(spec.model).build(tuple(features.shape[1:]), len(data.prepared.labels))
    optimiser = torch.optim.AdamW(network.parameters(), lr=spec.training.learning_rate)
    for _ in range(spec.training.epochs):
        network.train()
        for index in torch.split(torch.randperm(len(features)), spec.training.batch_size):
            step(network, optimiser, features[index], training.targets[index])
        network.eval()
        with torch.no_grad():
            predicted = torch.cat([network(batch).argmax(1) for batch in torch.split(validation_features, 256)])
            (predicted == validation.targets).float().mean().item()
    return time.perf_counter() - start


def train_all_bare(record: StudyRecord, trials: tuple[RunRecord, ...]) -> float:
    """Trains all trials of a study one after another in a process like a worker's; returns the seconds."""
    torch.set_num_threads(1)
    data = DataOnDevice(record.data.without_test(), torch.device("cpu"))
    train_bare(trials[0].spec, data)  # This warms up and reads the clips.
    return sum(train_bare(run.spec, data) for run in trials)


def measure(sizes: Sizes) -> list[Table]:
    """Returns one table of a study with one worker, the bare loop, and a study with two workers."""
    trials, rounds = sizes.of(40, 2), sizes.of(2, 1)
    settings = (*FIXED_SETTINGS, f"training.epochs={sizes.of(10, 1)}")
    options = (*LOCAL, *sizes.of((), IN_SMALL))
    bare: list[float] = []
    studies: dict[int, list[StudyTimes]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as temporary:
        audio = data_set(Path(temporary) / "audio", clips=sizes.of(1500, 60))
        for _ in range(rounds):
            for workers, studies_of_workers in studies.items():
                folder = Path(tempfile.mkdtemp(dir=temporary))
                studies_of_workers.append(
                    study_times(
                        audio, folder, trials=trials, workers=workers, settings=settings, executor_options=options
                    )
                )
                if workers == 1:
                    record = StudyFolder(folder / "results" / STUDY).record()
                    bare.append(
                        in_own_process(train_all_bare, record, studies_of_workers[-1].trials, environment=WORKER)
                    )
    return [_table(bare, studies, trials, sizes)]


def _table(bare: list[float], studies: dict[int, list[StudyTimes]], trials: int, sizes: Sizes) -> Table:
    limit = statistics.median(bare)
    rows: list[Row] = [
        {"what": "the trainings by a bare loop", "running": limit, "times_bare": 1.0, "trial": limit / trials}
    ]
    for workers, times in studies.items():
        running = statistics.median(time.running for time in times)
        rows.append(
            {
                "what": f"bench run, {workers} worker{'s' if workers > 1 else ''}",
                "start_up": statistics.median(time.start_up for time in times),
                "running": running,
                # Of each round on its own: what slows the machine down slows both down.
                "times_bare": statistics.median(
                    time.running / bare_seconds for time, bare_seconds in zip(times, bare, strict=True)
                ),
                "trial": running / trials,
            }
        )
    speed_up = statistics.median(one.running / two.running for one, two in zip(*studies.values(), strict=True))
    rows.append({"what": "throughput of two workers over that of one", "times_one_worker": speed_up})
    return Table(
        title=f"A study of {trials} short trials",
        columns=(
            Column("What", "what"),
            Column("Start-up, s", "start_up", ".1f"),
            Column("After it, s", "running", ".1f"),
            Column("Times the bare loop", "times_bare", ".2f"),
            Column("Seconds a trial", "trial", ".2f"),
            Column("Times one worker", "times_one_worker", ".2f"),
        ),
        rows=tuple(rows),
        note=f"Medians of {len(bare)} round(s), each a study with one worker, the bare loop, and a study with two; one "
        "torch thread a worker. Start-up: from the command to the start of the first training, decoding the audio included. "
        "After it: to the end of the command, the last writes and the summary included. tc-resnet on mel, "
        f"{sizes.of(1500, 60):,} clips of one second, {sizes.of(10, 1)} epoch(s) a trial, no finals.",
    )

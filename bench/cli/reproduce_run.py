"""Runs one recipe or row again on this machine, and prints what came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from bench.cli.common import command_line, warn
from bench.cli.spec_data import prepare_for
from bench.data.holding import holding
from bench.executors.local import LocalExecutor
from bench.files import data_directory, remove_unfinished
from bench.plugins.registry import Registry
from bench.reporting.numbers import plural
from bench.reporting.reproductions import Reproduced, figures_of, shown
from bench.reporting.run_report import write_run_report
from bench.reporting.terminal import print_table
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.search.locks import locked
from bench.search.reproduction import Reproduction, reproduce
from bench.training.device import choose_device
from bench.trial.run_trial import hardware


@dataclass(frozen=True)
class Place:
    """Where and on what a reproduction runs."""

    folder: Path
    """Of results."""
    data_dir: Path | None
    workers: int
    device: str
    threads: int | None
    max_unusable: float


def run(found: Registry, wanted: Reproduction, place: Place) -> None:
    """Prepares the data, runs every seed with its test, writes the reports. Raises BenchError where a run fails."""
    chosen, why = choose_device(place.device)
    found.model(wanted.specs[0].model)  # which raises where it is not installed, before audio is decoded for minutes
    data = prepare_for(found, wanted.specs[0], data_dir=data_directory(place.data_dir), max_unusable=place.max_unusable)
    record = wanted.record(data, hardware(torch.device(chosen)), command=command_line())
    for line in (*data.notes, *Reproduced(record, runs=()).changes()):
        warn(line)
    print(f"{wanted.title}: {plural(len(wanted.specs), 'seed')} on {why}")
    study = StudyFolder(place.folder / f"reproduce-{wanted.folder}")
    with locked(study), holding(data.caches.values()):
        remove_unfinished(study.folder)
        study.write_reproduction(record)
        executor = LocalExecutor(
            workers=min(place.workers, len(wanted.specs)),
            device=chosen,
            log_folder=study.folder / "logs",
            threads=place.threads or (wanted.hardware.threads if wanted.hardware else None),
        )
        try:
            runs = reproduce(wanted, data, study, executor, say=print)
        finally:
            executor.close(now=True)
        _print(wanted, runs)
        for run in runs:
            paths = write_run_report(study, run, study.report_folder(run), data=data, command=record.command)
            print(f"report: {paths.markdown}")
    print(f"all files: {study.folder}")


def _print(wanted: Reproduction, runs: list[RunRecord]) -> None:
    rows = []
    for run, published in zip(runs, wanted.published, strict=True):
        measured = figures_of(run.result)
        for name in published or ("validation_accuracy", "test_accuracy"):
            before, now = published.get(name), measured.get(name)
            difference = "" if before is None or now is None else f"{now - before:+.4f}"
            rows.append((run.name, name.replace("_", " "), shown(name, before), shown(name, now), difference))
    print_table(("run", "figure", "published", "measured", "difference"), rows, left=(0, 1))

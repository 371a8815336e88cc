"""`bench studies`: what a results folder holds, how far it is, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.cli.common import ResultsDir, options_of
from bench.files import results_directory
from bench.reporting.numbers import plural, score_text
from bench.reporting.terminal import print_table
from bench.results.overview import StudyOverview, overviews

SPARE_OF_STUDIES = ("Data set", "Started", "Finals")
"""Columns that a narrow terminal does without."""


def command(results: ResultsDir = None) -> None:
    """List the studies of a results folder: their state, their best, where they are, and the command that goes on."""
    chosen = options_of(results=results).results
    folder = results_directory(chosen)
    listed = overviews(folder)
    if not listed:
        print(f"no studies in {folder}; start one with: bench run --dataset fsdd --trials 100")
        return
    print(f"{plural(len(listed), 'study', 'studies')} in {folder}")
    columns = ("Study", "Data set", "Started", "State", "Trials", "Finals", "Validation", "Test", "Go on with")
    rows = [_cells(study, None if chosen is None else folder) for study in listed]
    print_table(columns, rows, left=(0, 1, 2, 3, 8), spare=SPARE_OF_STUDIES)
    print("Validation and test: the best configuration, by the score that the study maximised.")


def _cells(study: StudyOverview, results: Path | None) -> tuple[str, ...]:
    return (
        study.folder.name,
        study.dataset,
        study.created[:16].replace("T", " "),
        study.state,
        f"{study.trials}/{study.wanted}",
        str(study.finals),
        score_text(study.validation),
        score_text(study.test),
        _next(study, results),
    )


def _next(study: StudyOverview, results: Path | None) -> str:
    elsewhere = [] if results is None else ["--results", str(results)]
    match study.state:
        case "finished":
            return shlex.join(["bench", "report", study.folder.name, *elsewhere])
        case "unfinished":
            return shlex.join(["bench", "run", "--resume", study.folder.name, *elsewhere])
        case "running":
            return shlex.join(["bench", "ui", *elsewhere])
        case _:
            return "restore its study.json, or move it away"

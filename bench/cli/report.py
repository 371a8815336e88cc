"""`bench report`: the classification report of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import ResultsDir, installed_plugins, options_of
from bench.errors import WrongUsage
from bench.files import results_directory
from bench.reporting.classification_report import REPORT_COLUMNS, report_notes, report_rows
from bench.reporting.html.run_html import HtmlOptions
from bench.reporting.measure_robustness import measure_robustness
from bench.reporting.run_report import write_report
from bench.reporting.seeds import seed_rows, seeds_of
from bench.reporting.terminal import print_table
from bench.results.study_folder import find_run
from bench.sizes import parse_size

EMBED_AUDIO = "20MB"


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="STUDY/final-1-seed-0, STUDY/trial-0007. STUDY/final-1, or STUDY for its best: the median of the seeds.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Folder of the report.  \\[default: RESULTS/STUDY/RUN/report]"),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="First test all seeds under noise and other conditions, from their weights."),
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write the report as one HTML file that plays the wrong clips.")
    ] = False,
    embed_audio: Annotated[
        str | None,
        typer.Option(
            "--embed-audio",
            metavar="SIZE",
            help="Sound that the HTML file may hold, as in 5MB; more lies in a folder beside it.  \\[default: 20MB]",
            show_default=False,
        ),
    ] = None,
    results: ResultsDir = None,
) -> None:
    """Write the classification report of a run: tables as Markdown and JSON, figures as PNG; with --html one HTML file."""
    if embed_audio is not None and not html:
        raise WrongUsage("--embed-audio is for the HTML file: give --html, too, or leave it out")
    page = HtmlOptions(embed_audio=parse_size(embed_audio or EMBED_AUDIO, where="--embed-audio")) if html else None
    study, record = find_run(results_directory(options_of(results=results).results), run)
    registry = installed_plugins()
    if robustness:
        data = (study.reproduction() if study.is_reproduction() else study.record()).data
        for seed in seeds_of(study, record):
            if not study.robustness(seed):
                measure_robustness(study, seed, data, registry=registry)
    paths = write_report(study, record, output or study.report_folder(record), registry=registry, html=page)
    report = paths.report.report
    print(f"{record.study}/{record.name}, {report.split} split\n")
    print_table(REPORT_COLUMNS, report_rows(report))
    for line in report_notes(report):
        print(line)
    if len(paths.report.seeds) > 1:
        print(f"\n{paths.report.which_seed}\n")
        print_table(*seed_rows(paths.report.seeds, report.metric))
    print(f"\n{paths.interval}\n")
    if paths.html:
        print(f"{paths.on_sounds}\n")
    for path in paths.files:
        print(path)

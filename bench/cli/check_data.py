"""`bench check-data`: everything that one should know of a data set before trusting a number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import api
from bench.cli.common import DataDir, SettingsFlag, installed_plugins, options_of
from bench.files import write_atomically
from bench.reporting.dataset_check_text import check_lines, class_table
from bench.reporting.figures import dataset_check_figure
from bench.reporting.progress import study_progress
from bench.reporting.publishing import dataset_file_name
from bench.reporting.terminal import print_table


def command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A data set, as in bench run.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The figure.  \\[default: check-DATASET.png here]",
            show_default=False,
        ),
    ] = None,
    settings: SettingsFlag = None,
    data_dir: DataDir = None,
) -> None:
    """Show a data set's sizes, lengths, rates, levels, silence, clipping, groups and twins, and draw them as PNG."""
    options = options_of(settings=settings, data_dir=data_dir)
    callback = study_progress()
    with callback:
        check = api.run_data_check(dataset, options, registry=installed_plugins(), progress=callback.preparing)
    header, rows = class_table(check)
    print_table(header, rows)
    print("\n".join(check_lines(check)))
    path = output or Path(f"check-{dataset_file_name(dataset)}.png")
    write_atomically(path, dataset_check_figure(check))
    print(f"{'figure':<14}{path}")
    if check.contradictions():
        raise typer.Exit(1)

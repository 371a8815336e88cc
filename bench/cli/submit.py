"""`bench submit`: writes a row into one file, to be handed to others."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import ResultsDir, installed_plugins, options_of
from bench.errors import WrongUsage
from bench.files import results_directory, write_atomically
from bench.reporting.numbers import plural
from bench.reporting.submission import submission, submission_name, submitted_row
from bench.reporting.submission_file import SUBMISSION_SUFFIX


def command(
    row: Annotated[
        str,
        typer.Argument(metavar="RUN|ROW", help="A study, STUDY/final-1, a row's id, or PAGE.json:ID of a page's row."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file.  \\[default: DATASET-ID.zip]", show_default=False),
    ] = None,
    results: ResultsDir = None,
) -> None:
    """Write a row into one file, with its settings, predictions, versions and protocol, which others can verify."""
    if out is not None and out.suffix in (".json", ".md"):
        raise WrongUsage(f"--out {out}: that is what a page is called; name it {out.with_suffix(SUBMISSION_SUFFIX)}")
    page = submitted_row(results_directory(options_of(results=results).results), row, installed_plugins())
    path = out or Path(submission_name(page))
    write_atomically(path, submission(page))
    (section,) = page.leaderboard.protocols
    (submitted,) = section.rows
    print(
        f"Row {submitted.id} of {page.leaderboard.dataset}: {submitted.model.name} on {submitted.feature.name}, "
        f"{plural(len(submitted.runs), 'run')}\nFile: {path} ({path.stat().st_size / 1000:,.0f} kB)\n"
        f"Check it: {shlex.join(['bench', 'verify', str(path)])}"
    )

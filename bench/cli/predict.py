"""`bench predict`: what a trained network says of files."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import typer
from tqdm import tqdm  # type: ignore[import-untyped]

from bench.api.classify import SHORTEST_STEP, TableLayout
from bench.api.trained_model import trained_model
from bench.cli.common import ResultsDir, installed_plugins, options_of, warn
from bench.data.audio_paths import audio_paths
from bench.errors import WrongUsage
from bench.markdown import printable
from bench.reporting.terminal import print_table
from bench.results.stored_model import find_stored_model

STANDARD_INPUT = "-"


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="STUDY/final-1-seed-0, STUDY for the median seed of its best, or a run's folder, also a copy of it alone.",
        ),
    ],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...", help="Files, folders, patterns as 'day*.wav'; - reads a list from standard input."
        ),
    ],
    window: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=SHORTEST_STEP,
            show_default=False,
            help="Give every stretch of so many seconds a row, with its start and end.",
        ),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=SHORTEST_STEP,
            show_default=False,
            help="Seconds from stretch to stretch.  \\[default: the window, so that none overlap]",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="A row for each of the N most probable classes.", show_default=False),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(metavar="P", min=0, max=1, help="Name no class of less probability, 0 to 1.", show_default=False),
    ] = 0.0,
    format: Annotated[
        Literal["table", "csv", "jsonl"], typer.Option("--format", help="A table to read, CSV, or JSON lines.")
    ] = "table",
    results: ResultsDir = None,
) -> None:
    """Classify audio files by a trained network: any format, rate, channels and length."""
    paths = list(audio_paths(_named(files)))
    if not paths:
        raise WrongUsage("no file is named, nor stands on standard input")
    registry, folder = installed_plugins(), options_of(results=results).results
    model = trained_model(find_stored_model(run, registry, results=folder), registry)
    for line in model.notes:
        warn(line)
    layout = model.layout(times=not (window is None and hop is None), top=top, threshold=threshold)
    unreadable: list[str] = []

    def say(path: str, reason: str) -> None:
        unreadable.append(path)
        progress.write(printable(f"bench: {path} cannot be classified ({reason})"), file=sys.stderr)

    with tqdm(total=len(paths), unit="file", disable=None, leave=False) as progress:
        stream = model.stream(_counted(paths, progress), window=window, hop=hop, unreadable=say)
        WRITERS[format](layout, (row for one in stream for row in layout.rows(one)))
    if unreadable:
        raise typer.Exit(1)


def _named(files: list[str]) -> Iterator[str]:
    for name in files:
        if name != STANDARD_INPUT:
            yield name
            continue
        if isinstance(sys.stdin, io.TextIOWrapper):  # names of files are bytes, which need not be text
            sys.stdin.reconfigure(errors="surrogateescape")
        yield from filter(None, map(str.strip, sys.stdin))


def _counted(paths: list[str], progress: Any) -> Iterator[str]:
    for path in paths:
        yield path
        progress.update()


def _write_csv(layout: TableLayout, rows: Iterable[tuple[Any, ...]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(layout.columns)
    for row in rows:
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row])


def _write_json_lines(layout: TableLayout, rows: Iterable[tuple[Any, ...]]) -> None:
    """With the probabilities of all classes in a mapping of their own, since a class may be called as a column is."""
    own = layout.columns.index("probability") + 1
    for row in rows:
        values = [float(f"{value:.6g}") if isinstance(value, float) else value for value in row]
        content: dict[str, Any] = dict(zip(layout.columns[:own], values, strict=False))
        if len(values) > own:
            content["probabilities"] = dict(zip(layout.labels, values[own:], strict=True))
        print(json.dumps(content, ensure_ascii=False))


def _write_table(layout: TableLayout, rows: Iterable[tuple[Any, ...]]) -> None:
    """Without a column a class, which no terminal has room for."""
    formats = {"start": ".2f", "end": ".2f", "probability": ".4f"}
    header = layout.columns[: layout.columns.index("probability") + 1]
    cells = [[format(value, formats.get(title, "")) for title, value in zip(header, row, strict=False)] for row in rows]
    print_table(header, cells, left=(0, header.index("label")))


WRITERS = {"csv": _write_csv, "jsonl": _write_json_lines, "table": _write_table}
"""By format; CSV and JSON lines are written as they are made."""

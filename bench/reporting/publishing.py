"""Publishes leaderboards into a folder: DATASET.md, DATASET.json, and README.md that lists them; and reads them back."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import ValidationError

from bench.errors import BenchError
from bench.files import write_atomically
from bench.markdown import Markup, code, escape, heading, page, table
from bench.reporting import leaderboard_page
from bench.reporting.leaderboard_records import LEADERBOARD_SCHEMA_VERSION, Leaderboard
from bench.reporting.numbers import count, interval, spread

LEADERBOARD_NOTICE = "<!-- Written by bench leaderboard: changes are lost when it is published again. -->"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def publish(leaderboard: Leaderboard, folder: Path) -> tuple[Path, Path]:
    """Writes the page and its JSON, and lists all pages of the folder in its README.md. Returns the two paths.

    Raises BenchError where the folder cannot be written to, or where a file of these names is somebody else's.
    """
    name = dataset_file_name(leaderboard.dataset)
    markdown, data, index = folder / f"{name}.md", folder / f"{name}.json", folder / "README.md"
    for path in (markdown, index):
        _refuse_to_replace(path)
    if data.exists():
        load_published(data)
    write_atomically(data, leaderboard.model_dump_json(indent=1) + "\n")
    write_atomically(
        markdown,
        f"{LEADERBOARD_NOTICE}\n\n{leaderboard_page.render_leaderboard(leaderboard, source=_path_for_readers(data))}",
    )
    write_atomically(index, f"{LEADERBOARD_NOTICE}\n\n{_index(folder)}")
    return markdown, data


def replaced_rows(leaderboard: Leaderboard, folder: Path) -> list[str]:
    """Ids of the rows of the page in `folder` that are not on `leaderboard`, as where it is of other results."""
    data = folder / f"{dataset_file_name(leaderboard.dataset)}.json"
    kept = {row.id for row in leaderboard.rows()}
    return [row.id for row in load_published(data).rows() if row.id not in kept] if data.exists() else []


def load_published(path: Path) -> Leaderboard:
    """The leaderboard of a published JSON. Raises BenchError where it is missing, damaged or of a newer version."""
    try:
        return Leaderboard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(
            f"no leaderboard at {path} ({error.strerror}): name the JSON beside a published page, as leaderboards/fsdd.json"
        ) from None
    except ValidationError as error:
        raise BenchError(
            f"{path} is no leaderboard that this version of bench can read (schema version {LEADERBOARD_SCHEMA_VERSION}; "
            f"{error.error_count()} complaints): restore it, move it away and publish again, or update bench"
        ) from None


def dataset_file_name(dataset: str) -> str:
    """A safe file name for `NAME` or `NAME:PATH`: a plain name as it is, anything else with digits that keep it unique."""
    if _PLAIN_NAME.fullmatch(dataset) and dataset.lower() != "readme":
        return dataset
    name, _, argument = dataset.partition(":")
    last = re.split(r"[/\\]", argument.rstrip("/\\"))[-1]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{name}-{last}").strip("-._")[:60]
    return f"{readable or 'dataset'}-{hashlib.sha256(dataset.encode()).hexdigest()[:6]}"


def _refuse_to_replace(path: Path) -> None:
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(LEADERBOARD_NOTICE):
            raise BenchError(
                f"{path} was not written by bench leaderboard and is left alone: publish into a folder of its own, "
                "as --publish leaderboards/"
            )
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}): publish into another folder") from None


def _path_for_readers(path: Path) -> str:
    """The path as a reader will write it: from here where it lies below here."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _index(folder: Path) -> str:
    """All pages of the folder, each with its first row."""
    rows = []
    for data in sorted(folder.glob("*.json")):
        try:
            rows.append(_index_row(load_published(data), data))
        except BenchError:
            rows.append((escape(data.name), "cannot be read: move it away and publish again", "", "", "", ""))
    columns = ("Data set", "First row", "Feature", "Parameters", "Test accuracy", "95 % interval")
    return page(
        [
            heading(1, "Leaderboards"),
            Markup(
                f"One page a data set, written by {code('bench leaderboard DATASET --publish')}. The first row is the "
                "best by validation, not by test."
            ),
            table(columns, rows, align=("left", "left", "left")),
        ]
    )


def _index_row(leaderboard: Leaderboard, data: Path) -> tuple[str, ...]:
    first = leaderboard.rows()[0]
    link = Markup(f"[{escape(leaderboard.dataset)}]({data.stem}.md)")
    return (
        link,
        first.model.name,
        first.feature.name,
        count(first.parameters),
        spread(first.test["accuracy"]),
        interval(first.test_interval),
    )

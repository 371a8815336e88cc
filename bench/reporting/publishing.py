"""Publishes leaderboards into a folder as DATASET.md, DATASET.json and DATASET.predictions.npz, listed in README.md, and if
asked as DATASET.html."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.errors import BenchError
from bench.evaluation.metrics import metric_title
from bench.files import write_atomically
from bench.markdown import Alignment, Markup, code, escape, heading, page, table
from bench.plugins.registry import first_complaint
from bench.reporting import leaderboard_page
from bench.reporting.leaderboard_records import LEADERBOARD_SCHEMA_VERSION, Leaderboard, PredictionsFile, Protocol, Row
from bench.reporting.leaderboard_sections import protocol_title
from bench.reporting.numbers import count, interval_text, spread

if TYPE_CHECKING:
    from bench.reporting.published_predictions import PublishedPredictions

LEADERBOARD_NOTICE = "<!-- Written by bench leaderboard: changes are lost when it is published again. -->"
INDEX_COLUMNS = (
    *("Data set", "Protocol", "First row", "Feature", "Parameters", "Ranked by", "That score on the test split"),
    "95 % interval",
)
INDEX_ALIGNMENT: tuple[Alignment, ...] = ("left", "left", "left", "left", "right", "left")
HAND_IN = """\
`bench submit STUDY` writes the row of a study's best finals into one file, with its settings, versions, protocol and
per-clip predictions, and without any folder of your machine. `bench verify FILE` recomputes every figure of it. Add the
file to `submissions/` in this folder and open a pull request: it is checked there in the same way. It is merged by
`bench leaderboard DATASET --publish DIR --add FILE`, which refuses figures that the predictions do not give, rows of other
clips or of another protocol, and other digits for a row and seed that the page has."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def publish(
    leaderboard: Leaderboard,
    folder: Path,
    *,
    results: Path | None = None,
    predictions: PublishedPredictions | None = None,
    html: bool = False,
) -> tuple[Path, Path]:
    """Writes a leaderboard's page, JSON and predictions, and lists all pages of the folder in its README.md.

    Args:
        leaderboard: The leaderboard.
        folder: Folder of the page.
        results: The results folder that holds the predictions of its runs; None to leave the file of predictions as it is,
            as for a page that is written again from its own JSON.
        predictions: The predictions of its runs, where they are not those of one results folder.
        html: Whether DATASET.html is written, too.

    Returns:
        The paths of the page and of the JSON.

    Raises:
        BenchError: The folder cannot be written to, or it has a file of these names that bench did not write.
    """
    name = dataset_file_name(leaderboard.dataset)
    page_path, json_path, index_path = folder / f"{name}.md", folder / f"{name}.json", folder / "README.md"
    html_path = page_path.with_suffix(".html")
    for path in (page_path, index_path, *([html_path] if html else [])):
        _refuse_to_replace(path)
    if json_path.exists():
        load_published(json_path)
    changes: dict[str, object] = {"source": _path_for_readers(json_path)}
    if predictions is None and results is not None:
        from bench.reporting import published_predictions  # with NumPy, which reading a page does without

        predictions = published_predictions.PublishedPredictions.of(leaderboard, results)
    if predictions is not None:
        content = predictions.to_bytes()
        predictions_path = folder / f"{name}.predictions.npz"
        changes["predictions"] = PredictionsFile(file=predictions_path.name, sha256=hashlib.sha256(content).hexdigest())
        write_atomically(predictions_path, content)
    leaderboard = leaderboard.model_copy(update=changes)
    write_atomically(json_path, leaderboard.model_dump_json(indent=1) + "\n")
    write_atomically(page_path, page_text(leaderboard))
    if html:
        from bench.reporting.html.leaderboard_html import leaderboard_html  # with matplotlib and Jinja

        write_atomically(html_path, leaderboard_html(leaderboard, notice=LEADERBOARD_NOTICE))
    _draw_searches(leaderboard, folder)
    write_atomically(index_path, f"{LEADERBOARD_NOTICE}\n\n{_index(folder)}")
    return page_path, json_path


def page_text(leaderboard: Leaderboard) -> str:
    """Returns the Markdown of a leaderboard that is published at its `source`."""
    rendered = leaderboard_page.render_leaderboard(
        leaderboard, source=leaderboard.source, figures=search_figures(leaderboard)
    )
    return f"{LEADERBOARD_NOTICE}\n\n{rendered}"


def index_lines(leaderboard: Leaderboard, json_path: Path) -> list[str]:
    """Returns the lines of README.md that stand for a leaderboard, one a protocol."""
    rows = _index_rows(leaderboard, json_path)
    return table(rows[0], rows, align=INDEX_ALIGNMENT).splitlines()[2:]


def search_figures(leaderboard: Leaderboard) -> dict[int, str]:
    """Returns the file names of the figures of the searches, by the protocol's number."""
    name = dataset_file_name(leaderboard.dataset)
    return {
        number: f"{name}-search{f'-{number}' if number > 1 else ''}.png"
        for number, protocol in enumerate(leaderboard.protocols, start=1)
        if any(study.progress for study in protocol.studies)
    }


def _draw_searches(leaderboard: Leaderboard, folder: Path) -> None:
    """Draws the searches of every protocol beside the page."""
    from bench.reporting.figures import SearchCurve, anytime_curves

    for number, file_name in search_figures(leaderboard).items():
        protocol = leaderboard.protocols[number - 1]
        curves = [
            SearchCurve(
                name=study.name,
                trials=(*(step.trials for step in study.progress), study.finished),
                hours=(*(step.hours for step in study.progress), study.hours),
                scores=(*(step.score for step in study.progress), study.progress[-1].score),
                validation=study.optimism.validation if study.optimism else None,
                test=study.optimism.test if study.optimism else None,
            )
            for study in protocol.studies
            if study.progress
        ]
        title = f"Searches on {leaderboard.dataset}"
        png = anytime_curves(curves, title, score=metric_title(protocol.objective))
        write_atomically(folder / file_name, png)


def replaced_rows(leaderboard: Leaderboard, folder: Path) -> list[str]:
    """Returns the ids of published rows that are not on the new `leaderboard`, as when it is of other results."""
    json_path = folder / f"{dataset_file_name(leaderboard.dataset)}.json"
    new_ids = {row.id for row in leaderboard.rows()}
    return [row.id for row in load_published(json_path).rows() if row.id not in new_ids] if json_path.exists() else []


def load_published(path: Path) -> Leaderboard:
    """Reads a leaderboard from its published JSON.

    Raises:
        BenchError: The file is missing, damaged or of a newer version.
    """
    try:
        return parsed(path.read_bytes(), path)
    except OSError as error:
        raise BenchError(
            f"no leaderboard at {path} ({error.strerror}): name the JSON beside a published page, as leaderboards/fsdd.json"
        ) from None


def parsed(content: bytes, path: Path) -> Leaderboard:
    """Reads a leaderboard from the JSON that stands at, or in, `path`. Raises BenchError if it is damaged or of a newer
    version."""
    try:
        return Leaderboard.model_validate_json(content)
    except ValidationError as error:
        raise BenchError(
            f"{path} is no leaderboard that this version of bench can read (schema version {LEADERBOARD_SCHEMA_VERSION}; "
            f"{first_complaint(error)[:200]}): restore it, move it away and publish again, or update bench"
        ) from None


def dataset_file_name(dataset: str) -> str:
    """Returns a safe file name for a data set `NAME` or `NAME:PATH`.

    A plain name stays as it is; any other name gets digits of its hash that keep it unique.
    """
    if _PLAIN_NAME.fullmatch(dataset) and dataset.lower() != "readme":
        return dataset
    name, _, argument = dataset.partition(":")
    last_part = re.split(r"[/\\]", argument.rstrip("/\\"))[-1]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{name}-{last_part}").strip("-._")[:60]
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
    """Returns the path as a reader will type it, relative to the current folder if it lies below it, and else without the
    folders of this machine above that of the page."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return f"{path.resolve().parent.name}/{path.name}"


def _index(folder: Path) -> str:
    """Lists all pages of the folder, each with its first row."""
    rows = []
    for json_path in sorted(folder.glob("*.json")):
        try:
            rows += _index_rows(load_published(json_path), json_path)
        except BenchError:
            rows.append((escape(json_path.name), "cannot be read: move it away and publish again", *("",) * 6))
    return page(
        [
            heading(1, "Leaderboards"),
            Markup(
                f"One page a data set, written by {code('bench leaderboard DATASET --publish')}. The first row of a "
                "protocol is the best by validation, not by test."
            ),
            table(INDEX_COLUMNS, rows, align=INDEX_ALIGNMENT),
            heading(2, "Hand in a row"),
            Markup(HAND_IN),
        ]
    )


def _index_rows(leaderboard: Leaderboard, json_path: Path) -> list[tuple[str, ...]]:
    """Returns the cells of every protocol of a page that has rows."""
    link = Markup(f"[{escape(leaderboard.dataset)}]({json_path.stem}.md)")
    return [(link, *index_cells(protocol, first)) for protocol in leaderboard.protocols for first in protocol.rows[:1]]


def index_cells(protocol: Protocol, first: Row) -> tuple[str, ...]:
    """Returns the cells of a protocol and its first row, in the order of `INDEX_COLUMNS` after that of the data set."""
    return (
        protocol_title(protocol),
        first.model.name,
        first.feature.name,
        count(first.parameters),
        metric_title(first.metric),
        spread(first.test[first.metric]),
        interval_text(first.test_interval),
    )

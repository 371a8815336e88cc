"""The report of a run as one HTML file: its record, the clips behind its confusion matrix, and the search around it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.evaluation.metrics import metric_title
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.reporting.classification_report import REPORT_COLUMNS, confusion_counts, report_notes, report_rows
from bench.reporting.example_audio import NOT_DECODED, is_decoded
from bench.reporting.html.clip_pictures import PageSounds, page_sounds
from bench.reporting.html.data_table import DataTable, data_table
from bench.reporting.html.search_charts import curve_charts, search_charts, trials_table
from bench.reporting.html.templating import render_html
from bench.reporting.html.wrong_clips import LEAST_SURE, NEAREST, ShownClip, shown_clips
from bench.reporting.numbers import plural
from bench.reporting.report_page import (
    EPOCH_COLUMNS,
    RunReport,
    epoch_cells,
    intervals_line,
    overview_rows,
    score_columns,
    tested_conditions,
)
from bench.reporting.robustness_table import robustness_rows
from bench.reporting.run_figures import FIGURE_KINDS
from bench.reporting.seeds import seed_rows
from bench.reporting.where_it_fails import part_rows
from bench.results.study_folder import HTML_REPORT
from bench.results.study_records import RunRecord
from bench.sizes import shown_size

PICTURES = ("clip", "activations", "pooled", "filters", "range-test")
"""Kinds of figures that the page shows as they are; of the others it has the numbers."""
SHADES = 10
"""Number of shades of a confusion matrix."""


@dataclass(frozen=True)
class HtmlOptions:
    """What an HTML report holds beside its tables."""

    embed_audio: int = 20_000_000
    """Bytes of sound that it may hold."""
    audio_beside: bool = True
    """Whether the sounds lie in a folder beside it where they are more; otherwise those that do not fit are left out."""
    most_clips: int | None = None
    """Number of clips, the ones first that most seeds got wrong, whose pictures and sound it has; None for all."""
    pictures: bool = True
    """Whether it holds the figures that lie beside the report as PNG."""


SMALL_HTML = HtmlOptions(embed_audio=500_000, audio_beside=False, most_clips=24, pictures=False)
"""The page of every finished study, which MLflow gets a copy of: it costs less than a second of CPU, and is small."""


@dataclass(frozen=True)
class HtmlReport:
    """What the page is made from."""

    report: RunReport
    data: PreparedData
    predictions: Mapping[str, Predictions]
    """Of all seeds on the split of the report, by run."""
    trials: tuple[RunRecord, ...]
    """Trials of the search that the run comes from; none of a reproduction."""
    figures: Mapping[str, Path]
    """Figures that were drawn, by kind."""
    sample_rate: int
    """Of the network's input, in Hz."""


def write_run_html(of: HtmlReport, folder: Path, options: HtmlOptions) -> tuple[Path, str]:
    """Writes report.html, and where they are too many for it the sounds of its clips beside it.

    Returns:
        Its path, and a sentence on what it holds of the sounds.

    Raises:
        BenchError: The folder cannot be written to.
    """
    path = folder / HTML_REPORT
    clips = shown_clips(of.report.run, of.predictions)
    wrong = [clip for clip in clips if not clip.is_right]
    sounds, missing = _sounds(of, wrong[: options.most_clips], folder if options.audio_beside else None, options)
    sentence = missing or _on_sounds(sounds, len(wrong), options)
    write_atomically(path, _render(of, clips, sounds, sentence, options))
    return path, sentence


def _sounds(
    of: HtmlReport, clips: Sequence[ShownClip], folder: Path | None, options: HtmlOptions
) -> tuple[PageSounds, str]:
    """Reads the wrong clips and the right ones that are nearest to them; if they cannot be read, says why."""
    nothing = PageSounds({}, of.sample_rate)
    if not clips:
        return nothing, "No clip is wrong."
    if not is_decoded(of.data, of.sample_rate):
        return nothing, f"Without sounds and their pictures: {NOT_DECODED}."
    ids = dict.fromkeys(id for clip in clips for id in (clip.id, clip.nearest) if id)
    beside = None if folder is None else folder / "report-audio"
    try:
        return page_sounds(of.data, list(ids), sample_rate=of.sample_rate, limit=options.embed_audio, folder=beside), ""
    except BenchError as error:
        if beside is not None and not beside.parent.is_dir():
            raise
        return nothing, f"Without sounds and their pictures: {error}."


def _on_sounds(sounds: PageSounds, wrong: int, options: HtmlOptions) -> str:
    playable = sum(bool(clip.source) for clip in sounds.clips.values())
    limit = f"{shown_size(options.embed_audio)} that --embed-audio allows"
    if sounds.folder:
        where = f"in the folder {sounds.folder} beside this file, since they are more than the {limit}: pass on both"
        return f"{plural(playable, 'sound')}, {shown_size(sounds.size)}, {where}."
    if options.audio_beside:
        return f"{plural(playable, 'sound')}, {shown_size(sounds.size)}, are in this file."
    return (
        f"A small copy, with {plural(playable, 'sound')} ({shown_size(sounds.size)}) of {plural(wrong, 'wrong clip')} and "
        "of right ones; bench report RUN --html writes all."
    )


def _render(
    of: HtmlReport, clips: Sequence[ShownClip], sounds: PageSounds, on_sounds: str, options: HtmlOptions
) -> str:
    report, labels = of.report, of.data.labels
    classes, metric = report.report, report.spec.objective
    pictures = [kind for kind in PICTURES if options.pictures and kind in of.figures]
    return render_html(
        "run.html",
        files_beside=bool(sounds.folder),
        title=f"{report.study}/{report.run}",
        report=report,
        labels=labels,
        split=classes.split,
        notes=[*report_notes(classes), intervals_line(classes, of.data.group_noun)],
        overview=overview_rows(report, of.data),
        seeds=_seeds(report),
        scores=data_table(*score_columns(report)),
        classes=data_table(REPORT_COLUMNS, report_rows(classes)),
        matrix=_matrix(of.predictions[report.run]),
        clips=clips,
        wrong=sum(not clip.is_right for clip in clips),
        sounds=sounds,
        on_sounds=on_sounds,
        nearest=NEAREST,
        least_sure=LEAST_SURE,
        parts=_parts(report, of.data.group_noun),
        conditions=_conditions(report),
        curves=curve_charts(report.result),
        epochs=data_table(EPOCH_COLUMNS, map(epoch_cells, report.result.epochs), left=0),
        search=search_charts(of.trials, report),
        trials=trials_table(of.trials, metric),
        pictures=[(FIGURE_KINDS[kind].caption, _address(of.figures[kind])) for kind in pictures],
        specification=report.spec.model_dump_json(indent=1),
        data_notes=of.data.notes,
        metric=metric_title(metric),
    )


def _seeds(report: RunReport) -> DataTable:
    header, rows = seed_rows(report.seeds, report.spec.objective)
    return data_table(header, rows, strong=report.run)


def _parts(report: RunReport, noun: str) -> list[DataTable]:
    errors = report.errors
    parts = [(noun.capitalize(), errors.groups), ("Classes", errors.classes)]
    return [data_table(*part_rows(title, of, errors)) for title, of in parts if of]


def _conditions(report: RunReport) -> DataTable | None:
    rows = tested_conditions(report)
    return data_table(*robustness_rows(rows, title="Run")) if rows else None


@dataclass(frozen=True)
class MatrixCell:
    """The clips of one class that were taken for one."""

    clips: int
    shade: int
    """0 to SHADES - 1, by their share of the class."""


def _matrix(predictions: Predictions) -> list[list[MatrixCell]]:
    """Returns the cells by [true class, predicted class]."""
    return [
        [MatrixCell(clips, min(SHADES - 1, SHADES * clips // max(1, sum(row)))) for clips in row]
        for row in confusion_counts(predictions).tolist()
    ]


def _address(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"

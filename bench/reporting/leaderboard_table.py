"""The table of a leaderboard: its columns by name, and its text as Markdown, CSV, LaTeX, HTML or JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.errors import BenchError, did_you_mean
from bench.evaluation.interval import Interval
from bench.evaluation.metrics import METRICS, metric_title
from bench.markdown import heading, table
from bench.reporting.leaderboard_notes import LOADED
from bench.reporting.leaderboard_records import Leaderboard, Protocol, Row
from bench.reporting.leaderboard_sections import protocol_name
from bench.reporting.numbers import ABSENT, count, duration, interval_text, rank_text, score_text, spread

TableFormat = Literal["markdown", "csv", "latex", "html", "json"]


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    title: Callable[[Protocol], str]
    text: Callable[[Row, Protocol], str]
    """The cell for people."""
    value: Callable[[Row, Protocol], Any]
    """The cell for programs: a number where there is one, with all its digits."""
    left: bool = False
    """Whether its cells are text, and so aligned to the left."""


def _named(title: str, text: Callable[[Row], str], value: Callable[[Row], Any], *, left: bool = False) -> Column:
    return Column(lambda _: title, lambda row, _: text(row), lambda row, _: value(row), left=left)


def _ranking(title: str, text: Callable[[Row, str], str], value: Callable[[Row, str], Any]) -> Column:
    """A column of the score that ranks."""
    return Column(
        lambda protocol: f"{title} {metric_title(protocol.objective)}",
        lambda row, protocol: text(row, protocol.objective),
        lambda row, protocol: value(row, protocol.objective),
    )


def _test_score(name: str) -> Column:
    return _named(
        METRICS[name].title,
        lambda row: score_text(row.test[name].mean) if name in row.test else ABSENT,
        lambda row: row.test[name].mean if name in row.test else None,
    )


def _end(title: str, end: Callable[[Interval], float]) -> Column:
    """A column of one end of the interval."""
    return _named(
        title,
        lambda row: score_text(None if row.test_interval is None else end(row.test_interval)),
        lambda row: None if row.test_interval is None else end(row.test_interval),
    )


def _distinct(values: Iterable[str]) -> str:
    """Formats what the outer folds of a row have, which differs after a nested search: `tc-resnet, crnn`."""
    return ", ".join(dict.fromkeys(values))


def _models(row: Row) -> str:
    return _distinct(run.spec.model.name for run in row.runs)


def _features(row: Row) -> str:
    return _distinct(run.spec.feature.name for run in row.runs)


def _epochs(row: Row) -> str:
    return _distinct(str(run.spec.training.epochs) for run in row.runs)


TABLE_COLUMNS: dict[str, Column] = {
    "rank": _named("Rank", lambda row: rank_text(row.rank, row.ties), lambda row: row.rank),
    "model": _named("Model", _models, _models, left=True),
    "feature": _named("Feature", _features, _features, left=True),
    "epochs": _named("Epochs", _epochs, lambda row: int(_epochs(row)) if _epochs(row).isdecimal() else _epochs(row)),
    "parameters": _named("Parameters", lambda row: count(row.parameters), lambda row: row.parameters),
    "search": _ranking("Search", lambda row, _: score_text(row.search), lambda row, _: row.search),
    "validation": _ranking(
        "Validation",
        lambda row, metric: score_text(row.validation[metric].mean),
        lambda row, metric: row.validation[metric].mean,
    ),
    "test": _ranking("Test", lambda row, metric: spread(row.test[metric]), lambda row, metric: row.test[metric].mean),
    "deviation": _ranking(
        "Deviation of test",
        lambda row, metric: score_text(row.test[metric].deviation),
        lambda row, metric: row.test[metric].deviation,
    ),
    "seeds": _ranking(
        "Seeds of test", lambda row, metric: str(row.test[metric].n), lambda row, metric: row.test[metric].n
    ),
    "interval": _named(
        "95 % interval",
        lambda row: interval_text(row.test_interval),
        lambda row: None if row.test_interval is None else interval_text(row.test_interval),
    ),
    "low": _end("Low end of the interval", lambda interval: interval.low),
    "high": _end("High end of the interval", lambda interval: interval.high),
    "time": _named(
        "Training time",
        lambda row: duration(row.train_seconds.mean) + LOADED * row.measured_under_load,
        lambda row: row.train_seconds.mean,
    ),
    "row": _named("Row", lambda row: row.id, lambda row: row.id),
    "origin": _named("Proposed by", lambda row: row.origin or ABSENT, lambda row: row.origin, left=True),
    **{name: _test_score(name) for name in METRICS},
}
"""The columns by the names that --columns takes; scores are those of the test split, means over seeds."""

TERMINAL_COLUMNS = (
    *("rank", "model", "feature", "epochs", "parameters", "search", "validation", "test", "interval", "time", "row"),
)
PAGE_COLUMNS = ("rank", "model", "feature", "parameters", "validation", "test", "interval", "row")
"""What fits the 980 pixels of a page."""
DATA_COLUMNS = (*TERMINAL_COLUMNS[:8], "deviation", "seeds", "low", "high", "time", "row", "origin", *METRICS)
"""What a program that reads the table may want."""


def chosen_columns(names: str) -> tuple[str, ...]:
    """Reads `rank,model,test`. Raises BenchError if there is no such column."""
    chosen = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in chosen:
        if name not in TABLE_COLUMNS:
            raise BenchError(f"no column {name!r}: {did_you_mean(name, TABLE_COLUMNS)}")
    if not chosen:
        raise BenchError(f"{names!r} names no column: {did_you_mean('', TABLE_COLUMNS)}")
    return chosen


def leaderboard_columns(protocol: Protocol, names: Sequence[str] = TERMINAL_COLUMNS) -> tuple[str, ...]:
    """Returns the titles of the table's columns."""
    return tuple(TABLE_COLUMNS[name].title(protocol) for name in names)


def leaderboard_cells(row: Row, protocol: Protocol, names: Sequence[str] = TERMINAL_COLUMNS) -> tuple[str, ...]:
    """Returns the cells of one row, in the order of `leaderboard_columns`."""
    return tuple(TABLE_COLUMNS[name].text(row, protocol) for name in names)


def markdown_table(protocol: Protocol, names: Sequence[str] = PAGE_COLUMNS) -> str:
    """Returns the table of a protocol in Markdown."""
    return table(
        leaderboard_columns(protocol, names),
        [leaderboard_cells(row, protocol, names) for row in protocol.rows],
        align=["left" if TABLE_COLUMNS[name].left else "right" for name in names],
    )


def table_text(leaderboard: Leaderboard, format: TableFormat, names: Sequence[str] = ()) -> str:
    """Returns the tables of a leaderboard, one a protocol that has rows, in one of the formats.

    CSV and JSON hold the numbers with all their digits, and where there are several protocols, a column `protocol`.

    Args:
        leaderboard: The leaderboard.
        format: The format; LaTeX is for the package booktabs, HTML is a `<table>` to be put into a page.
        names: Names of columns; all for CSV and JSON, or those that fit a page, if none are given.
    """
    if format in ("csv", "json"):
        return _data(leaderboard, format, names or DATA_COLUMNS)
    protocols = [protocol for protocol in leaderboard.protocols if protocol.rows]
    titles = [protocol_name(protocol) if len(protocols) > 1 else "" for protocol in protocols]
    written = {"markdown": _markdown, "latex": _latex, "html": _html}[format]
    return "\n\n".join(
        written(protocol, title, names or PAGE_COLUMNS) for protocol, title in zip(protocols, titles, strict=True)
    )


def _data(leaderboard: Leaderboard, format: TableFormat, names: Sequence[str]) -> str:
    several = sum(bool(protocol.rows) for protocol in leaderboard.protocols) > 1
    rows = [
        {
            **({"protocol": protocol_name(protocol)} if several else {}),
            **{name: TABLE_COLUMNS[name].value(row, protocol) for name in names},
        }
        for protocol in leaderboard.protocols
        for row in protocol.rows
    ]
    if format == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False)
    import pandas as pd

    return str(pd.DataFrame(rows).to_csv(index=False)).rstrip("\n")


def _markdown(protocol: Protocol, title: str, names: Sequence[str]) -> str:
    return (f"{heading(2, title)}\n\n" if title else "") + markdown_table(protocol, names)


def _latex(protocol: Protocol, title: str, names: Sequence[str]) -> str:
    """A tabular, in a table with a caption if there are several. Signs that older fonts lack are written as commands."""
    import pandas as pd

    frame = pd.DataFrame(
        [leaderboard_cells(row, protocol, names) for row in protocol.rows], columns=leaderboard_columns(protocol, names)
    )
    escaped = frame.rename(columns=_escaped).map(_escaped)
    aligned = "".join("l" if TABLE_COLUMNS[name].left else "r" for name in names)
    text = escaped.to_latex(
        index=False, escape=False, column_format=aligned, caption=_escaped(title) if title else None
    )
    return str(text).rstrip("\n")


_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    ABSENT: "--",
    "†": r"$\dagger$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def _escaped(text: str) -> str:
    return re.sub("|".join(map(re.escape, _LATEX)), lambda sign: _LATEX[sign[0]], text)


def _html(protocol: Protocol, title: str, names: Sequence[str]) -> str:
    import pandas as pd

    frame = pd.DataFrame(
        [leaderboard_cells(row, protocol, names) for row in protocol.rows], columns=leaderboard_columns(protocol, names)
    )
    written = str(frame.to_html(index=False, border=0, justify="left", classes="leaderboard"))
    opening, end, rest = written.partition(">")
    return f"{opening}{end}\n  <caption>{html.escape(title)}</caption>{rest}" if title else written


TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

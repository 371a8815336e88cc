"""What a reader of a leaderboard has to know, a line each: how it is ranked, what its columns are, and what is special."""

from __future__ import annotations

from collections.abc import Iterable

from bench.evaluation.metrics import SHARE, MetricText, metric_texts, metric_title
from bench.reporting.leaderboard_records import Protocol, Row
from bench.reporting.leaderboard_sections import chosen_by, statuses_text
from bench.reporting.numbers import interval_claim, plural

LOADED = " †"
"""Mark of a time that was measured while the machine had more to do than cores."""
ON_TIMES = (
    "Latency: median of several passes of one clip of silence from waveform to logits, in a batch of one, right after "
    "training. Load: processes that ran or waited at the run's start and end (a minute's mean), of the machine's cores."
)


def reading_notes(protocol: Protocol) -> list[str]:
    """Returns a line on each thing that a reader of the table has to know."""
    metric = metric_title(protocol.objective)
    lines = [
        f"Rows are ranked by validation {metric} (mean over seeds), never by test: the first row's test score is not the "
        "best of several. Rows with the same are ranked by validation loss, the lower first, and then by their ids.",
        f"Search {metric}: that of the trial by which the configuration was chosen, on validation; it is the best of many, "
        "so it flatters. Validation and test: the same configuration trained again with other seeds; validation still "
        f"chose the epoch{'' if len(protocol.folds) > 1 else ', test chose nothing'}.",
        *chosen_by(protocol),
        f"Test {metric}: mean ± sample standard deviation over n seeds of the same configuration. Validation {metric} and "
        "training time are means over these seeds; training time is the wall time of all epochs, features included.",
        *_interval_notes(protocol),
    ]
    lines += notes_on_load(protocol)
    if any(row.ties is not None for row in protocol.rows):
        lines.append(
            "Rank: the best to the worst that the test clips leave open. Rows whose ranks overlap tie, but for pairs that a "
            "paired test tells apart (p under 0.05 by Holm's method over all pairs; bench compare shows them)."
        )
    if len(protocol.folds) > 1:
        lines.append(
            f"Figures are means over {len(protocol.folds)} outer folds, each of which trains on clips of its own and tests "
            "the others; the deviation is that of these means over seeds."
        )
    lines += [
        f"Row {row.id}: not in its figures are finals that ended otherwise: {statuses_text(row.not_complete)}."
        for row in protocol.rows
        if row.not_complete
    ]
    return lines


def _interval_notes(protocol: Protocol) -> Iterable[str]:
    """Says what the intervals cover, and why a row has none."""
    metric, noun = metric_title(protocol.objective), protocol.group_noun
    intervals = [row.test_interval for row in protocol.rows if row.test_interval is not None]
    for claim in dict.fromkeys(interval_claim(value, noun) for value in intervals):
        yield f"95 % interval of the mean test {metric}: for {claim}. docs/statistics.md has the method and its coverage."
    for reason in dict.fromkeys(row.no_interval for row in protocol.rows if row.no_interval):
        yield f"No interval: {reason}."


def notes_on_load(protocol: Protocol) -> list[str]:
    """Returns a line on the mark of times, if there is one."""
    if not any(row.measured_under_load for row in protocol.rows):
        return []
    return [f"{LOADED.strip()} measured while the machine had more to do than it has cores."]


def notes_on_missing_finals(protocol: Protocol) -> list[str]:
    """Returns a line for every study that has complete trials but no finals, with the command that runs them."""
    return [
        f"Study {study.name} has {plural(study.statuses['complete'], 'complete trial')} and no finals yet; "
        f"bench run --resume {study.name} makes them."
        for study in protocol.studies
        if study.statuses.get("complete") and not study.finals.get("complete")
    ]


def notes_on_code(protocol: Protocol) -> list[str]:
    """Returns a line for every row whose plugins have changed since, for those with pretrained features, and for rows that
    differ by their code alone."""
    lines = [
        f"{' and '.join(row.changed)} {'have' if len(row.changed) > 1 else 'has'} changed since row {row.id} was measured; "
        "run again, it is another row."
        for row in protocol.rows
        if row.changed
    ]
    lines += [
        f"Row {row.id} does not start from scratch: its feature {row.feature.name} was trained on {row.pretrained_on}."
        for row in protocol.rows
        if row.pretrained_on
    ]
    alike: dict[str, list[Row]] = {}
    for row in protocol.rows:
        settings = row.runs[0].spec.model_dump_json(exclude={"seed", "code"})
        alike.setdefault(settings, []).append(row)
    for rows in (rows for rows in alike.values() if len(rows) > 1):
        ids = ", ".join(row.id for row in rows)
        lines.append(f"Rows {ids} have the same settings, and differ by the code of their plugins.")
    return lines


def notes_on_scores(protocol: Protocol) -> list[str]:
    """Returns a line on what each score is."""
    texts = scores_of_rows(protocol).values()
    lower = [text.words for text in texts if text.better == "lower"]
    units = [f"{text.words} ({text.unit})" for text in texts if text.unit != SHARE]
    absent = dict.fromkeys(label for row in protocol.rows for run in row.runs for label in run.test.absent)
    lines = [
        f"Means over seeds, each {SHARE} but for {', '.join(units)}; lower is better for {', '.join(lower)}.",
        *(f"{text.title}: {text.meaning}." for text in texts),
    ]
    if absent:
        lines.append(
            f"Without clips in the test split, and so left out of every mean over classes: {', '.join(absent)}."
        )
    return lines


def scores_of_rows(protocol: Protocol) -> dict[str, MetricText]:
    """Returns the scores that any row has, by name, with what a reader has to know of them."""
    texts = metric_texts(run.test for row in protocol.rows for run in row.runs)
    return {name: text for name, text in texts.items() if any(name in row.test for row in protocol.rows)}

"""Renders where networks fail: the worst speakers, the classes, and the clips that every seed got wrong."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluation.error_analysis import ErrorAnalysis, MissedClip, Part
from bench.markdown import Markup, table
from bench.reporting.numbers import count, plural, score_text

MAX_GROUPS = 20
"""Number of groups, the worst, that a page lists; the JSON has all."""
MAX_MISSED = 50
"""Number of clips, likewise."""


def errors_of(errors: ErrorAnalysis, *, noun: str = "groups") -> Markup:
    """Returns the tables of groups, classes and missed clips.

    Args:
        errors: Where the networks fail.
        noun: What the groups are, in the plural: `speakers`.
    """
    parts: list[str] = []
    if errors.groups:
        parts += [_parts(noun.capitalize(), errors.groups, errors)]
    parts += [_parts("Classes", errors.classes, errors), *_missed(errors)]
    return Markup("\n\n".join(parts))


def part_rows(
    title: str, parts: Sequence[Part], errors: ErrorAnalysis
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of the parts that clips fall into."""
    seeds = f"mean over {plural(errors.seeds, 'seed')}" if errors.seeds > 1 else "one seed"
    rows: list[tuple[str, ...]] = [(part.name, count(part.clips), score_text(part.accuracy)) for part in parts]
    return (f"{title}, worst first", "Clips", f"Share right, {seeds}"), rows


def _parts(title: str, parts: Sequence[Part], errors: ErrorAnalysis) -> str:
    header, rows = part_rows(title, parts[:MAX_GROUPS], errors)
    more = f"\n\n{len(parts) - MAX_GROUPS:,} better ones are in the JSON." if len(parts) > MAX_GROUPS else ""
    return table(header, rows, align=("left",)) + more


def _missed(errors: ErrorAnalysis) -> list[str]:
    who = f"every one of {errors.seeds} seeds" if errors.seeds > 1 else "the network"
    if not errors.missed:
        return [f"No clip is wrong for {who}."]
    left_out = len(errors.missed) - MAX_MISSED
    more = [f"{left_out:,} more are in the JSON."] if left_out > 0 else []
    return [
        f"{plural(len(errors.missed), 'clip')} that {who} got wrong:",
        table(*missed_rows(errors.missed[:MAX_MISSED]), align=("left",) * 3),
        *more,
    ]


def missed_rows(clips: Sequence[MissedClip]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns titles and cells of clips that every seed got wrong."""
    return ("Clip", "True", "Taken for"), [(clip.id, clip.label, ", ".join(clip.predicted)) for clip in clips]

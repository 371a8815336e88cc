"""Renders where networks fail: the worst speakers, the classes, and the clips that every seed got wrong."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluation.error_analysis import ErrorAnalysis, Part
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
    seeds = f"mean over {plural(errors.seeds, 'seed')}" if errors.seeds > 1 else "one seed"
    parts: list[str] = []
    if errors.groups:
        parts += [_parts(noun.capitalize(), errors.groups, seeds)]
    parts += [_parts("Classes", errors.classes, seeds), *_missed(errors)]
    return Markup("\n\n".join(parts))


def _parts(title: str, parts: Sequence[Part], seeds: str) -> str:
    rows = [(part.name, count(part.clips), score_text(part.accuracy)) for part in parts[:MAX_GROUPS]]
    more = f"\n\n{len(parts) - MAX_GROUPS:,} better ones are in the JSON." if len(parts) > MAX_GROUPS else ""
    return table((f"{title}, worst first", "Clips", f"Share right, {seeds}"), rows, align=("left",)) + more


def _missed(errors: ErrorAnalysis) -> list[str]:
    who = f"every one of {errors.seeds} seeds" if errors.seeds > 1 else "the network"
    if not errors.missed:
        return [f"No clip is wrong for {who}."]
    rows = [(clip.id, clip.label, ", ".join(clip.predicted)) for clip in errors.missed[:MAX_MISSED]]
    left_out = len(errors.missed) - MAX_MISSED
    more = [f"{left_out:,} more are in the JSON."] if left_out > 0 else []
    return [
        f"{plural(len(errors.missed), 'clip')} that {who} got wrong:",
        table(("Clip", "True", "Taken for"), rows, align=("left",) * 3),
        *more,
    ]

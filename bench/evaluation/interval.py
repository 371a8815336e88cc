"""An interval as pages and records hold it, and what it claims in words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

CONFIDENCE = 0.95
FEWEST_GROUPS = 3
"""Number of groups below which nothing can be said of new ones: the spread between two is no estimate."""
FEWEST_CLIPS = 10
"""Number of clips below which an interval would say nothing."""

Over = Literal["clips", "groups", "training", "seeds"]


class Interval(BaseModel):
    """The interval of a mean (or of a difference of means) over correct clips, and what it holds for."""

    model_config = ConfigDict(frozen=True)
    low: float
    high: float
    over: tuple[Over, ...]
    """What would be new in a repetition that the interval covers: clips, groups (speakers, recordings), the training clips,
    seeds."""
    clips: int
    """Number of clips."""
    groups: int | None
    """Number of groups; None if they are not known."""
    seeds: int
    """Number of seeds. Those of a single seed are of that network alone."""
    folds: int | None = None
    """Number of outer folds that it is over; None if it is over clips or groups."""
    confidence: float = CONFIDENCE
    """Share of repetitions in which such an interval holds the true value."""
    method: str

    def claim(self, noun: str = "groups") -> str:
        """Says what the interval covers: `new clips, new speakers and new seeds`.

        Args:
            noun: The data set's own word for groups, in the plural.
        """
        known = "" if self.groups is None or "groups" in self.over else f" of these {noun}"
        called = {"groups": noun, "training": "training clips", "seeds": "seeds"}
        new = [f"new {called[unit]}" for unit in self.over if unit != "clips"]
        words = [f"new clips{known}", *new]
        claim = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
        if "seeds" in self.over or "training" in self.over:
            return claim
        return f"{claim}, by {'this network' if self.seeds == 1 else 'these networks'}"

    def units(self, noun: str = "groups") -> str:
        """Says how many of each there are: `300 clips of 6 speakers, 3 seeds`."""
        groups = "" if self.groups is None else f" of {self.groups:,} {noun}"
        folds = "" if self.folds is None else f", {self.folds} folds"
        return f"{self.clips:,} clips{groups}{folds}, {self.seeds} seed{'' if self.seeds == 1 else 's'}"


def why_no_interval(clips: int, groups: int | None, effective_groups: float | None) -> str | None:
    """Returns why there is no interval, in words, or None if there is one.

    Args:
        clips: Number of clips.
        groups: Number of groups that the interval would be over; None for clips.
        effective_groups: Number of groups of equal size that would tell as much (Kish, 1965).
    """
    if clips < FEWEST_CLIPS:
        return f"{clips} clips are too few: an interval needs {FEWEST_CLIPS}"
    if groups is not None and groups < FEWEST_GROUPS:
        return f"{groups} {{noun}} are too few to say anything about new ones: an interval needs {FEWEST_GROUPS}"
    if effective_groups is not None and effective_groups < 2:
        return "one of the {noun} has nearly all clips, which says nothing about new {noun}"
    return None

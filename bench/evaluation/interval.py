"""An interval as pages and records hold it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """A 95 % bootstrap interval. It collapses to a point if nothing varies: no clip is wrong, or all of them are."""

    model_config = ConfigDict(frozen=True)
    low: float
    high: float
    over: Literal["clips", "groups"]
    """What was resampled; groups are speakers or recordings."""
    units: int
    """Number of clips or groups."""
    resamples: int
    """Number of resamples."""

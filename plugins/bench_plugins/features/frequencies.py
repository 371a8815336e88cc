"""Frequencies that a feature is asked for, and those that its sample rate holds."""

from __future__ import annotations


def highest_frequency(f_max: float | None, sample_rate: int) -> float:
    """`f_max`, cut to what the sample rate holds, in Hz."""
    return sample_rate / 2 if f_max is None else min(f_max, sample_rate / 2)

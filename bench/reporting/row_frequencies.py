"""Which frequencies the rows of a feature stand for, found by tones: so of every front end, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn

TONES = 24
"""Number of tones, on a logarithmic scale, by which it is known whether rows are frequencies at all."""
OCTAVES = (62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Frequencies that an axis names, in Hz, as far as there is room."""
TONE_SECONDS = 0.5
APART = 1 / 7
"""Share of the axis that lies between two names at least."""


def frequency_ticks(module: nn.Module, sample_rate: int) -> Mapping[float, str]:
    """Returns names for the axis of a feature's rows, `{12.5: "500"}`, in Hz by their positions; none if its rows are no
    frequencies.

    Args:
        module: A front end, which gives [bands, frames] or [channels, bands, frames] for a clip.
        sample_rate: In Hz.
    """
    checked = np.geomspace(100, 0.45 * sample_rate, TONES)
    rows, height = _loudest_rows(module, checked, sample_rate)
    if rows is None or (np.diff(rows) < 0).any() or rows[-1] - rows[0] < height / 2:
        return {}
    named = [each for each in OCTAVES if each <= 0.48 * sample_rate]
    positions, _ = _loudest_rows(module, np.array(named), sample_rate)
    ticks: dict[float, str] = {}
    for position, frequency in reversed(list(zip(positions if positions is not None else (), named, strict=True))):
        if not ticks or min(ticks) - position - 0.5 >= APART * height:
            ticks[float(position) + 0.5] = f"{frequency:g}"
    return ticks


def _loudest_rows(module: nn.Module, frequencies: np.ndarray, sample_rate: int) -> tuple[np.ndarray | None, int]:
    """The row that is loudest for each tone, and the number of rows; None if there are no rows."""
    import torch

    time = np.arange(int(TONE_SECONDS * sample_rate)) / sample_rate
    tones = 0.5 * np.sin(2 * np.pi * frequencies[:, None] * time)
    with torch.no_grad():
        values = module(torch.from_numpy(tones.astype(np.float32))).numpy()
    if values.ndim == 4:  # real and imaginary parts
        values = np.linalg.norm(values, axis=1)
    if values.ndim != 3:
        return None, 0
    middle = values[:, :, values.shape[2] // 4 : -(values.shape[2] // 4) or None]
    return middle.mean(axis=2).argmax(axis=1), values.shape[1]

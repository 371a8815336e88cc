"""The words that a front end is told by, as its feature's options have them. They load no torch."""

from __future__ import annotations

from typing import Literal

WindowShape = Literal["hann", "hamming"]
Precision = Literal["float32", "float64"]
Scale = Literal["linear", "ln", "db"]
Normalise = Literal["none", "clip", "band"]

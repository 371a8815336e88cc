"""Sizes of files as people write and read them: 5GB, 300 MB."""

from __future__ import annotations

import re

from bench.errors import BenchError

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", re.IGNORECASE)


def parse_size(text: str, *, where: str) -> int:
    """Bytes of `5GB`, `0.5 gb`, `300M` or `0`. `where` is the option that it was given by. Raises BenchError."""
    found = SIZE.fullmatch(text.strip())
    if found is None:
        raise BenchError(f"{where} {text!r} is no size: write a number and a unit, as in 5GB or 300MB")
    unit = found[2].upper()
    return round(float(found[1]) * UNITS[unit if not unit or unit.endswith("B") else f"{unit}B"])


def shown_size(size: int) -> str:
    """`1.2 GB`; in MB below that, `0.0 MB` at the least."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"

"""Sizes of files as people write and read them: 5GB, 300 MB."""

from __future__ import annotations

import math
import os
import re

from pydantic import ByteSize, TypeAdapter, ValidationError

from bench.errors import WrongUsage

MOST_BYTES = 1e21
"""Bytes beyond the units that ByteSize has."""
NUMBER_AND_UNIT = re.compile(r"\s*\d+(\.\d+)?\s*\w*\s*")
"""ByteSize reads how a text begins and ignores the rest: without this, 1,5GB would be one byte."""


def parse_size(text: str, *, where: str) -> int:
    """Reads a size.

    Args:
        text: `5GB`, `0.5 gb`, `300M`, `4GiB` or `0`.
        where: The option that it was given by.

    Returns:
        Bytes.

    Raises:
        WrongUsage: It is no size.
    """
    try:
        if NUMBER_AND_UNIT.fullmatch(text):
            return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        pass
    raise WrongUsage(f"{where} {text!r} is no size: write a number and a unit, as in 5GB or 300MB")


def shown_size(size: float) -> str:
    """Shows bytes as `1.2 GB`, with the largest unit that leaves 1 or more; beyond all units as `1e+300 bytes`."""
    if size >= MOST_BYTES:
        return f"{size:.0e} bytes"
    return ByteSize(size).human_readable(decimal=True, separator=" ")


def machine_memory() -> float:
    """Bytes of memory that the machine has; infinity if the system does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf

"""The parts by name, in the order in which they run."""

from __future__ import annotations

import importlib

from perf.tables import Sizes, Table

PARTS = ("epochs", "frontend", "study", "startup", "head", "memory", "cluster", "peer")


def measure(part: str, sizes: Sizes) -> list[Table]:
    """Runs one part. Not in `__main__`, whose functions a spawned process cannot find."""
    tables: list[Table] = importlib.import_module(f"perf.{part}").measure(sizes)
    return tables

"""Lists the parts of the measurements in the order in which they run."""

from __future__ import annotations

import importlib

from perf.tables import Sizes, Table

PARTS = (
    "epochs",
    "frontend",
    "study",
    "startup",
    "scheduler",
    "memory",
    "cluster",
    "peer",
    "coverage",
    "twins",
    "exports",
)


def measure(part: str, sizes: Sizes) -> list[Table]:
    """Runs one part. This function is not in `__main__`, where a spawned process would not find it."""
    tables: list[Table] = importlib.import_module(f"perf.{part}").measure(sizes)
    return tables

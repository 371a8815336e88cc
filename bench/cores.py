"""How many cores there are to share out."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use: of its affinity mask, not of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

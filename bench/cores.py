"""How many cores there are, and how workers share them."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use: of its affinity mask, not of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_per_worker(workers: int) -> int:
    """Torch threads of each worker, so that all of them together fit the cores that this process may use."""
    return max(1, available_cores() // workers)


def cores_to_spare(*, workers: int, threads: int) -> bool:
    """Whether every worker has as many cores again as it has threads: for what is done ahead of them."""
    return available_cores() >= 2 * workers * threads

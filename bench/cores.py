"""Counts the processor cores that this process may use and divides them among workers."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Returns the number of cores in this process's affinity mask, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_per_worker(workers: int) -> int:
    """Returns the number of torch threads for each worker, so that all workers together fit the available cores."""
    return max(1, available_cores() // workers)


def has_spare_cores(*, workers: int, threads: int) -> bool:
    """Returns whether every worker has as many spare cores as threads, so that a prefetching thread slows nothing down."""
    return available_cores() >= 2 * workers * threads

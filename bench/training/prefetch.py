"""Prefetches batches: the next one is read, and its features computed, while the network trains on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""Items that are prefetched: one to be used next, and one that is being computed."""


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Yields the items in their order, computed one after another by a thread before they are asked for.

    An exception from `items` is raised when its item is due. The thread ends with the iteration.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        pending = deque(pool.submit(next, items, end) for _ in range(DEPTH))
        while (item := pending.popleft().result()) is not end:
            pending.append(pool.submit(next, items, end))
            yield item  # type: ignore[misc]

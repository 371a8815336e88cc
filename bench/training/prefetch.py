"""The next batch is read, and its features computed, while the network trains on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""Items that are made before they are asked for: one to be used next, and one in the making."""


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """The items in their order, made one after another by a thread that is a little ahead.

    What making an item raises is raised where the item is due. The thread ends with the iteration.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="made-ahead") as maker:
        waiting = deque(maker.submit(next, items, end) for _ in range(DEPTH))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(maker.submit(next, items, end))
            yield item  # type: ignore[misc]

"""The machine that measures, processes of its own for what is measured, and their memory. Linux."""

from __future__ import annotations

import multiprocessing
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from bench.cores import available_cores
from bench.executors.local import ALLOCATOR

Answer = TypeVar("Answer")

WORKER = {"OMP_NUM_THREADS": "1", **ALLOCATOR}
"""Environment of a worker with one thread: what is compared with the harness trains in the same."""


def describe() -> dict[str, str]:
    """What a table was measured on, for people."""
    import torch

    from bench.training.device import device_name

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": device_name(torch.device("cpu")),
        "card": device_name(torch.device("cuda")) if torch.cuda.is_available() else "none",
        "cores": str(available_cores()),
        "threads": "1 of torch in every process that trains",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def in_own_process(
    function: Callable[..., Answer], *arguments: Any, environment: Mapping[str, str] | None = None
) -> Answer:
    """What the function answers in a process of its own. Raises RuntimeError where it dies."""
    return _run(function, arguments, environment, look=lambda pid: None)


def weighed(
    function: Callable[..., Answer], *arguments: Any, environment: Mapping[str, str] | None = None
) -> tuple[Answer, float]:
    """The same, and the peak memory of that process and its children in MiB.

    Memory shared between them counts once; it is looked at ten times a second, which takes time from who is looked at.
    """
    seen = [0.0]
    answer = _run(function, arguments, environment, look=lambda pid: seen.append(tree_megabytes(pid)))
    return answer, max(seen)


def _run(
    function: Callable[..., Answer],
    arguments: tuple[Any, ...],
    environment: Mapping[str, str] | None,
    look: Callable[[int], None],
) -> Answer:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, function, arguments))
    with patch.dict(os.environ, environment or {}):
        process.start()
    theirs.close()
    assert process.pid is not None
    try:
        while not ours.poll(0.1):
            look(process.pid)
        answer: Answer = ours.recv()
        return answer
    except EOFError:
        raise RuntimeError(f"{function.__module__}.{function.__name__} ended without an answer: see above") from None
    finally:
        process.join()


def _answer(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    connection.send(function(*arguments))


def resident_megabytes(pid: int | str = "self") -> float:
    """Resident memory of a process, in MiB; 0 where it is gone."""
    return _status(Path(f"/proc/{pid}/status"), "VmRSS")


def tree_megabytes(pid: int) -> float:
    """Memory of a process and all that it has started, in MiB; what they share counts once."""
    return sum(_status(Path(f"/proc/{member}/smaps_rollup"), "Pss") for member in (pid, *descendants(pid)))


def descendants(pid: int) -> Iterator[int]:
    """Processes that a process has started, theirs included."""
    with suppress(OSError):  # it may end at any time
        for thread in list(Path(f"/proc/{pid}/task").iterdir()):
            for child in (thread / "children").read_text().split():
                yield int(child)
                yield from descendants(int(child))


def _status(path: Path, name: str) -> float:
    try:
        lines = path.read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return 0.0

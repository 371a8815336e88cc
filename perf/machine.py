"""Describes the machine, runs measurements in processes of their own, and reads their memory (on Linux)."""

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

Result = TypeVar("Result")

WORKER = {"OMP_NUM_THREADS": "1", **ALLOCATOR}
"""Environment of a worker with one thread, in which everything that is compared with the harness trains, too."""


def describe() -> dict[str, str]:
    """Describes the machine in words."""
    import torch

    from bench.training.device import device_name

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": device_name(torch.device("cpu")),
        "GPU": device_name(torch.device("cuda")) if torch.cuda.is_available() else "none",
        "cores": str(available_cores()),
        "threads": "1 of torch in every process that trains",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def in_own_process(
    function: Callable[..., Result], *arguments: Any, environment: Mapping[str, str] | None = None
) -> Result:
    """Returns the result of a function that runs in a process of its own. Raises RuntimeError if that dies."""
    return _run(function, arguments, environment, observe=lambda pid: None)


def with_peak_memory(
    function: Callable[..., Result], *arguments: Any, environment: Mapping[str, str] | None = None
) -> tuple[Result, float]:
    """Returns the result of a function in a process of its own, and the peak memory of its process tree in MiB.

    Memory that processes share counts once. It is sampled ten times a second, which slows the process down.
    """
    samples = [0.0]
    result = _run(function, arguments, environment, observe=lambda pid: samples.append(tree_megabytes(pid)))
    return result, max(samples)


def _run(
    function: Callable[..., Result],
    arguments: tuple[Any, ...],
    environment: Mapping[str, str] | None,
    observe: Callable[[int], None],
) -> Result:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send_result, args=(theirs, function, arguments))
    with patch.dict(os.environ, environment or {}):
        process.start()
    theirs.close()
    assert process.pid is not None
    try:
        while not ours.poll(0.1):
            observe(process.pid)
        result: Result = ours.recv()
        return result
    except EOFError:
        raise RuntimeError(f"{function.__module__}.{function.__name__} ended without a result: see above") from None
    finally:
        process.join()


def _send_result(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    connection.send(function(*arguments))


def resident_megabytes(pid: int | str = "self") -> float:
    """Returns the resident memory of a process in MiB, or 0 if it has ended."""
    return _status(Path(f"/proc/{pid}/status"), "VmRSS")


def tree_megabytes(pid: int) -> float:
    """Returns the memory of a process tree in MiB; shared memory counts once."""
    return sum(_status(Path(f"/proc/{member}/smaps_rollup"), "Pss") for member in (pid, *descendants(pid)))


def descendants(pid: int) -> Iterator[int]:
    """Yields the ids of all descendants of a process."""
    with suppress(OSError):  # The process may end at any time.
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

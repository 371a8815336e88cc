"""Where trials can run."""

from __future__ import annotations

from bench.plugins import ExecutorPlugin

EXECUTORS = (
    ExecutorPlugin(
        name="local",
        summary="Processes of this machine, one for each worker.",
        start="bench.executors.local:start",
    ),
    ExecutorPlugin(
        name="ray",
        summary="The nodes of a Ray cluster.",
        start="bench.executors.ray:start",
    ),
    ExecutorPlugin(
        name="in-process",
        summary="Inside the calling process, one trial at a time; --workers 0 says the same.",
        start="bench.executors.in_process:start",
    ),
)

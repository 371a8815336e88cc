"""Starts the executor that a study asks for, of whichever package."""

from __future__ import annotations

from importlib import import_module

from bench.errors import BenchError
from bench.executors.jobs import Executor, ExecutorSettings
from bench.plugins import ExecutorPlugin
from bench.plugins.faults import fault


def start_executor(plugin: ExecutorPlugin, settings: ExecutorSettings) -> Executor:
    """Imports an executor's module and starts it.

    Raises:
        BenchError: If it cannot be imported or started, or is no executor.
    """
    try:
        module, _, function = plugin.start.partition(":")
        executor = getattr(import_module(module), function)(settings)
    except BenchError:
        raise
    except Exception as error:  # a third party's code may raise anything
        raise BenchError(f"executor {plugin.name} cannot be started: {fault(error)}") from error
    missing = [
        name for name in ("free", "submit", "stop", "events", "close", "in_process") if not hasattr(executor, name)
    ]
    if missing:
        raise BenchError(
            f"executor {plugin.name}: {plugin.start} gives a {type(executor).__name__} without {missing[0]}"
        )
    started: Executor = executor
    return started

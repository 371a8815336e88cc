"""The contract of an executor: a function that can be imported. What it starts, studies show."""

from __future__ import annotations

from importlib import import_module

from bench.plugins.contract_tests.declaration import check_name
from bench.plugins.contract_tests.requirements import require
from bench.plugins.executor_contract import ExecutorPlugin
from bench.plugins.faults import fault


def check_executor(executor: ExecutorPlugin) -> None:
    """Checks an executor's name, its summary, and that its function is there.

    Args:
        executor: The executor.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_name(executor.name)
    require(bool(executor.summary.strip()), "has no summary")
    module, colon, function = executor.start.partition(":")
    require(
        bool(module and colon and function.isidentifier()), f"start {executor.start!r} is not package.module:function"
    )
    try:
        started_by = getattr(import_module(module), function)
    except Exception as error:
        raise AssertionError(f"start {executor.start!r} cannot be imported: {fault(error)}") from error
    require(callable(started_by), f"start {executor.start!r} is a {type(started_by).__name__}, not a function")

"""What a plugin raised, in one line that says where: `my_package/net.py:12: ValueError: no such width`."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import PurePath
from types import CodeType

from bench.errors import one_line
from bench.plugins.contracts import Plugin
from bench.plugins.hookspecs import ENTRY_POINT_GROUP


def fault(error: BaseException) -> str:
    """An exception in one line, after the file and line of the plugin that it came from.

    Args:
        error: What was raised, with its traceback.

    Returns:
        `my_package/net.py:12: ValueError: no such width`; without a place where no line of a plugin took part, as where
        torch refuses what it is given by a module of its own.
    """
    line = fault_place(error)
    what = error.msg if isinstance(error, SyntaxError) else one_line(error)
    return f"{line}: {type(error).__name__}: {what}" if line else f"{type(error).__name__}: {what}"


def fault_place(error: BaseException) -> str:
    """The line of a plugin nearest to where an exception was raised: `my_package/net.py:12`; empty if there is none."""
    packages = _plugin_packages()
    if isinstance(error, SyntaxError) and error.filename and (path := _below(error.filename, packages)):
        return f"{path}:{error.lineno}"
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if top in packages:
            return f"{_below(frame.f_code.co_filename, {top}) or PurePath(frame.f_code.co_filename).name}:{line}"
    return ""


def function_place(code: CodeType, module: str) -> str:
    """Where a function of a module begins: `my_package/__init__.py:12`."""
    path = _below(code.co_filename, {module.partition(".")[0]}) or PurePath(code.co_filename).name
    return f"{path}:{code.co_firstlineno}"


def _plugin_packages() -> set[str]:
    """Top packages of everything installed as a plugin, and of every plugin class that this process has, however it came."""
    installed = {entry_point.module.partition(".")[0] for entry_point in entry_points(group=ENTRY_POINT_GROUP)}
    return (installed | {plugin.__module__.partition(".")[0] for plugin in _classes(Plugin)}) - {"bench", "pydantic"}


def _classes(base: type[Plugin]) -> Iterator[type[Plugin]]:
    for plugin in base.__subclasses__():
        yield plugin
        yield from _classes(plugin)


def _below(file: str, packages: set[str]) -> str:
    """The path of a file from its top package on, which is the same on every machine; empty if it is in none of them."""
    parts = PurePath(file).parts
    tops = [index for index, part in enumerate(parts) if part in packages or PurePath(part).stem in packages]
    return "/".join(parts[tops[-1] :]) if tops else ""

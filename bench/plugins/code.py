"""Digest of a plugin's code: tells whether what it computed before would be computed the same now."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from bench.plugins.contracts import Plugin
from bench.plugins.discovery import IMPORTS_BEGIN

OURS = ("bench", "pydantic", "builtins", "abc")
"""Top packages of base classes that are no part of a plugin."""


def code_digest(plugin: type[Plugin], distribution: str, *, also: Iterable[Path] = ()) -> str | None:
    """Digest of the code that a plugin's results depend on.

    It covers the files of the packages that the plugin and its bases are in and of the folders `also`, by name, size and
    time, and the versions of its distribution and of what that requires.

    Args:
        plugin: The plugin's class.
        distribution: Name of the distribution that brings it.
        also: Further folders of code.

    Returns:
        64 hex digits; None if the code is not known: there are no files, one of them has been changed since this process
        began, or the class was made by a script, a notebook or a function.
    """
    if any(base.__module__ == "__main__" or "<locals>" in base.__qualname__ for base in plugin.__mro__):
        return None
    roots = {root for base in plugin.__mro__ if (root := _root(base.__module__)) is not None}
    defining = _root(plugin.__module__)
    return None if defining is None else _digest(frozenset((*roots, *also)), distribution)


@cache
def _digest(roots: frozenset[Path], distribution: str) -> str | None:
    digest = hashlib.sha256()
    try:
        for path in sorted(path for root in roots for path in _files(root)):
            status = path.stat()
            if status.st_mtime > IMPORTS_BEGIN:  # perhaps changed after it was imported
                return None
            digest.update(f"{path}\x1f{status.st_size}\x1f{status.st_mtime_ns}\n".encode())
    except OSError:
        return None
    for name, number in sorted(_versions(distribution)):
        digest.update(f"{name} {number}\n".encode())
    return digest.hexdigest()


def _root(module: str) -> Path | None:
    """The folder of a module's top package, or the file of a module that is in none."""
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    if top in OURS or loaded is None or loaded.__file__ is None:
        return None
    file = Path(loaded.__file__)
    return file.parent if hasattr(loaded, "__path__") else file


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for path in root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _versions(distribution: str) -> Iterator[tuple[str, str]]:
    try:
        required = requires(distribution) or []
    except PackageNotFoundError:  # a plugin of a test
        return
    for name in {distribution, *(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required)}:
        try:
            yield name, version(name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue

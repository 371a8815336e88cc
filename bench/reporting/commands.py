"""Removes the paths and addresses of this machine from records before they are published."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

from bench.trial import TrialResult

_LOCAL_OPTIONS = ("--data-dir", "--results", "--tracking-uri", "--storage")
_LOCAL_KEYWORDS = ("data_dir", "results", "tracking_uri", "storage")


def portable_command(command: str) -> str:
    """Returns a command line, or a call from Python, without the folders and servers of this machine.

    A configuration file keeps its name.
    """
    if command.startswith("bench."):
        return _portable_call(command)
    try:
        words = iter(shlex.split(command))
    except ValueError:  # The command has an unbalanced quote.
        return command
    portable_words = []
    for word in words:
        option, equals, value = word.partition("=")
        if option not in (*_LOCAL_OPTIONS, "--config"):
            portable_words.append(word)
            continue
        value = value if equals else next(words, "")
        if option == "--config":
            portable_words += [option, Path(value).name]
    return shlex.join(portable_words)


def _portable_call(command: str) -> str:
    call = ast.parse(command, mode="eval").body
    if isinstance(call, ast.Call):
        call.keywords = [keyword for keyword in call.keywords if keyword.arg not in _LOCAL_KEYWORDS]
    return ast.unparse(call)


def without_traceback(result: TrialResult) -> TrialResult:
    """Returns a result without its traceback, which holds paths of this machine."""
    return result.model_copy(update={"traceback": ""})

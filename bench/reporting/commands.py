"""Removes the paths and addresses of this machine from records before they are published."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.trial import TrialResult

_LOCAL_OPTIONS = ("--data-dir", "--results", "--tracking-uri")


def portable_command(command: str) -> str:
    """Returns a command line without the folders and servers of this machine; a configuration file keeps its name."""
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


def without_traceback(result: TrialResult) -> TrialResult:
    """Returns a result without its traceback, which holds paths of this machine."""
    return result.model_copy(update={"traceback": ""})

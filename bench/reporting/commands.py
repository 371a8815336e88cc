"""What of a record may be published: not where this machine keeps its files."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.trial import TrialResult

_OF_THIS_MACHINE = ("--data-dir", "--results", "--tracking-uri")


def portable(command: str) -> str:
    """A command line without the folders and servers of the machine it ran on; of a configuration file, its name stays."""
    try:
        words = iter(shlex.split(command))
    except ValueError:  # an unbalanced quote
        return command
    kept = []
    for word in words:
        option, equals, value = word.partition("=")
        if option not in (*_OF_THIS_MACHINE, "--config"):
            kept.append(word)
            continue
        value = value if equals else next(words, "")
        if option == "--config":
            kept += [option, Path(value).name]
    return shlex.join(kept)


def without_traceback(result: TrialResult) -> TrialResult:
    """A result without its traceback, which holds paths of the machine it ran on."""
    return result.model_copy(update={"traceback": ""})

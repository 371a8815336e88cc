"""What of a record may be published: not where this machine keeps its files."""

from __future__ import annotations

import shlex

from bench.trial import TrialResult

_OF_THIS_MACHINE = ("--data-dir", "--results", "--tracking-uri", "--config")
"""A configuration file's values are on the page: seed, ranges searched, options fixed, finals."""


def portable(command: str) -> str:
    """A command line without the options that name folders, files or servers of the machine it ran on."""
    try:
        words = iter(shlex.split(command))
    except ValueError:  # an unbalanced quote
        return command
    kept = []
    for word in words:
        if word in _OF_THIS_MACHINE:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in _OF_THIS_MACHINE)):
            kept.append(word)
    return shlex.join(kept)


def without_traceback(result: TrialResult) -> TrialResult:
    """A result without its traceback, which holds paths of the machine it ran on."""
    return result.model_copy(update={"traceback": ""})

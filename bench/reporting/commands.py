"""What of a record may be published: not where this machine keeps its files, nor what it is called."""

from __future__ import annotations

import shlex

from bench.trial import TrialResult

_OF_THIS_MACHINE = ("--data-dir", "--results")


def portable(command: str) -> str:
    """A command line without the options that name folders of the machine it ran on."""
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


def without_host(result: TrialResult) -> TrialResult:
    """A result without the machine's name and without the traceback, which holds paths."""
    hardware = result.hardware and result.hardware.model_copy(update={"host": ""})
    return result.model_copy(update={"hardware": hardware, "traceback": ""})

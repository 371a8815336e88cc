"""Defines BenchError, the one exception whose message is written for the user, and helpers for its text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_KNOWN_NAMES = 12
"""An error message lists at most this many known names."""


class BenchError(Exception):
    """An error whose one-line message says what is wrong, where, and what to do about it.

    The command line prints the message without a traceback.
    """

    exit_code = 1
    """Exit code of a command that ends by it."""


class WrongUsage(BenchError):
    """An option that does not exist, has no such value, or does not go with another."""

    exit_code = 2


def did_you_mean(word: str, known_names: Iterable[str]) -> str:
    """Returns the end of an error message about an unknown name: the closest known names, or all if none is close."""
    names = sorted(known_names)
    close_matches = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close_matches:
        return f"did you mean {' or '.join(close_matches)}?"
    if not names:
        return "none is installed"
    more = f" and {len(names) - MAX_KNOWN_NAMES} more" if len(names) > MAX_KNOWN_NAMES else ""
    return f"known: {', '.join(names[:MAX_KNOWN_NAMES])}{more}"


def one_line(error: BaseException) -> str:
    """Returns the message of an exception in one line of at most 500 characters, as it is recorded in a result."""
    return " ".join(str(error).split())[:500]

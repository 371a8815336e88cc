"""The one exception that a person is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAMED = 12
"""Names that an error message lists at most."""


class BenchError(Exception):
    """What is wrong, where, and what to do about it, in one line. The command line prints it without a traceback."""

    exit_code = 1
    """Exit code of a command that ends by it."""


class WrongUsage(BenchError):
    """An option that does not exist, has no such value, or does not go with another."""

    exit_code = 2


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known names, or all of them if none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return "none is installed"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"known: {', '.join(names[:NAMED])}{more}"


def one_line(error: BaseException) -> str:
    """What an exception says, as a result keeps it."""
    return " ".join(str(error).split())[:500]

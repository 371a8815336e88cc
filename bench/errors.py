"""The one exception that a person is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """What is wrong, where, and what to do about it, in one line. The command line prints it without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known names, or all of them if none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(names)}" if names else "none is installed"


def one_line(error: BaseException) -> str:
    """What an exception says, as a result keeps it."""
    return " ".join(str(error).split())[:500]

"""Defines BenchError, the one exception whose message is written for the user, and helpers for its text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

MAX_KNOWN_NAMES = 12
"""An error message lists at most this many known names."""
EXAMPLES = 3
"""A note names at most this many examples."""


class BenchError(Exception):
    """An error whose one-line message says what is wrong, where, and what to do about it.

    The command line prints the message without a traceback.
    """

    exit_code = 1
    """Exit code of a command that ends by it."""


class WrongUsage(BenchError):
    """An option that does not exist, has no such value, or does not go with another."""

    exit_code = 2


def taking_classes(labels: Sequence[str]) -> str:
    """How these classes alone are taken: `--classes cat,dog`, or, where names have commas, the setting behind it."""
    if any("," in label for label in labels):
        return f"--set 'dataset.classes={json.dumps(list(labels), ensure_ascii=False)}'"
    return f"--classes {','.join(labels) or 'NAME,...'}"


def did_you_mean(word: str, known_names: Iterable[str]) -> str:
    """Returns the end of an error message about an unknown name: the closest known names, or all if none is close."""
    import difflib  # 10 ms, and most commands make no mistake

    names = sorted(known_names)
    close_matches = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close_matches:
        return f"did you mean {' or '.join(close_matches)}?"
    if not names:
        return "none is installed"
    more = f" and {len(names) - MAX_KNOWN_NAMES} more" if len(names) > MAX_KNOWN_NAMES else ""
    return f"known: {', '.join(names[:MAX_KNOWN_NAMES])}{more}"


def first_few(names: Iterable[str]) -> str:
    """The first names, and how many more there are: `a, b, c and 4 more`."""
    every = list(names)
    more = f" and {len(every) - EXAMPLES:,} more" if len(every) > EXAMPLES else ""
    return ", ".join(every[:EXAMPLES]) + more


def one_line(error: BaseException) -> str:
    """Returns the message of an exception in one line of at most 500 characters, as it is recorded in a result."""
    return " ".join(str(error).split())[:500]

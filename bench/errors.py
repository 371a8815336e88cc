"""The one exception that a person is meant to read."""

from __future__ import annotations

from collections.abc import Iterable

NAMED = 12
"""Names that an error message lists at most."""
EXAMPLES = 3
"""Examples that a note lists at most."""


class BenchError(Exception):
    """What is wrong, where, and what to do about it, in one line. The command line prints it without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known names, or all of them if none is near."""
    import difflib  # 10 ms, and most commands make no mistake

    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return "none is installed"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"known: {', '.join(names[:NAMED])}{more}"


def first_few(names: Iterable[str]) -> str:
    """The first names, and how many more there are: `a, b, c and 4 more`."""
    every = list(names)
    more = f" and {len(every) - EXAMPLES:,} more" if len(every) > EXAMPLES else ""
    return ", ".join(every[:EXAMPLES]) + more


def one_line(error: BaseException) -> str:
    """What an exception says, as a result keeps it."""
    return " ".join(str(error).split())[:500]

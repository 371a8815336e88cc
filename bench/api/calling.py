"""What calls from Python have in common: whether they print, and how their errors name options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import BenchError, WrongUsage
from bench.options import in_keywords
from bench.search.callback import StudyCallback


def study_callback(progress: bool) -> StudyCallback:
    """A callback that prints what happens, or one that does nothing. Raises WrongUsage on what is neither true nor false."""
    if not isinstance(progress, bool):  # "no" would be true
        raise WrongUsage(f"progress {progress!r}: it should be True or False")
    if not progress:
        return StudyCallback()
    from bench.reporting.progress import study_progress

    return study_progress()


@contextmanager
def keywords_in_errors() -> Iterator[None]:
    """Writes keywords in place of flags into the errors that pass: `final_seeds` for `--final-seeds`. Also a decorator."""
    try:
        yield
    except BenchError as error:
        error.args = (in_keywords(str(error)),)
        raise

"""Keeps from the terminal what libmpg123, inside libsndfile, prints of every odd MP3 file, and which names no file."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_lock = threading.Lock()
_inside = 0
_before: int | None = None


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Sends what C code writes to `stderr` nowhere until the block ends, in all threads.

    It is C's own variable that is changed, and not descriptor 2, to which Python and its progress bars write meanwhile.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = _exchange(_nowhere())
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _exchange(_before)


def _exchange(stream: int | None) -> int | None:
    """Makes a C stream `stderr`, and returns what was; does nothing without a stream."""
    variable = _variable()
    if stream is None or variable is None:
        return None
    before, variable.value = variable.value, stream
    return before


@cache
def _variable() -> ctypes.c_void_p | None:
    """C's variable `stderr`; None on systems that have none."""
    try:
        return ctypes.c_void_p.in_dll(ctypes.CDLL(None), "__stderrp" if sys.platform == "darwin" else "stderr")
    except (OSError, TypeError, ValueError):
        return None


@cache
def _nowhere() -> int | None:
    """A C stream that goes nowhere; None if there is none."""
    if _variable() is None:
        return None
    open_stream = ctypes.CDLL(None).fopen
    open_stream.restype = ctypes.c_void_p
    stream: int | None = open_stream(b"/dev/null", b"w")
    return stream

"""Sizes as people write and read them."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.sizes import parse_size, shown_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5GB", 5 * 10**9), (" 0.5 gb ", 5 * 10**8), ("300M", 3 * 10**8), ("4GiB", 4 * 2**30), ("70", 70)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text, where="--max-size") == size


@pytest.mark.parametrize("text", ["", "GB", "1,5GB", "-5GB", "5 GB free", "5 parsecs", "1.2.3GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BenchError, match=r"--max-size .* is no size: write a number and a unit"):
        parse_size(text, where="--max-size")


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (20_000, "20.0 KB"), (1_234_567_890, "1.2 GB")]
)
def test_sizes_are_shown(size: int, shown: str) -> None:
    assert shown_size(size) == shown

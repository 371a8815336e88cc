"""Features on disk: the bound, what goes first, damage, and several processes at once."""

from __future__ import annotations

import os
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import feature_cache
from bench.data.feature_cache import ASKED_SECONDS, FEATURES, MARGIN, FeatureCache
from bench.errors import BenchError
from bench.plugins import PluginConfig

LIMIT = 5 * MARGIN


def key(number: int) -> str:
    return f"{number:032x}"


def numbers(number: int, size: int = 1000) -> np.ndarray:
    return np.full((2, size), number, dtype=np.float32)


def write(cache: FeatureCache, number: int, size: int = 1000) -> None:
    cache.write(key(number), numbers(number, size), clips="audio train", feature=PluginConfig(name="mel"))


def cached(cache: FeatureCache) -> list[int]:
    """Least recently used first."""
    return [int(entry.folder.name, 16) for entry in cache.entries()]


def test_what_was_written_is_read_as_it_was_and_outlives_its_entry(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=None)
    assert cache.read(key(1)) is None
    write(cache, 1)
    features = cache.read(key(1))
    assert features is not None and features.dtype == np.float32
    for folder in tmp_path.rglob(key(1)):
        feature_cache.discard(folder)
    assert cache.read(key(1)) is None
    assert np.array_equal(features, numbers(1))


SIZES = st.sampled_from([0, MARGIN, 2 * MARGIN, 3 * MARGIN, LIMIT - MARGIN, LIMIT])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), SIZES), min_size=6, max_size=16))
def test_the_cache_keeps_its_bound_and_what_was_used_last(steps: list[tuple[bool, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        cache, size = FeatureCache(Path(folder), limit=LIMIT), {}
        for writes, number, wanted in steps:
            before = cached(cache)
            if not writes:
                assert (cache.read(key(number)) is not None) == (number in before)
                assert cached(cache) == [n for n in before if n != number] + [n for n in before if n == number]
                continue
            write(cache, number, wanted // 8)
            after = cached(cache)
            sizes = {int(entry.folder.name, 16): entry.size for entry in cache.entries()}
            assert sum(sizes.values()) <= LIMIT
            if number in before or wanted // 8 * 8 + MARGIN > LIMIT:
                assert after == before
                continue
            gone = len(before) + 1 - len(after)
            assert after == [*before[gone:], number]
            size |= sizes
            if gone:  # no more than had to
                assert sum(size[n] for n in before[gone - 1 :]) + wanted // 8 * 8 + MARGIN > LIMIT


@pytest.mark.parametrize("file", ["features.npy", "manifest.json"])
@pytest.mark.parametrize("harm", ["byte", "short", "gone", "rubbish"])
def test_a_damaged_entry_is_removed_and_can_be_written_again(tmp_path: Path, file: str, harm: str) -> None:
    cache = FeatureCache(tmp_path, limit=None)
    write(cache, 1)
    assert cache.read(key(1)) is not None  # this process has checked it already
    path = next(tmp_path.rglob(file))
    content = path.read_bytes()
    match harm:
        case "byte":
            path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        case "short":
            path.write_bytes(content[:-10])
        case "rubbish":
            path.write_bytes(os.urandom(len(content)))
        case "gone":
            path.unlink()
    assert cache.read(key(1)) is None and cached(cache) == []
    write(cache, 1)
    features = cache.read(key(1))
    assert features is not None and np.array_equal(features, numbers(1))


def test_an_ask_is_remembered_by_all_for_a_week_and_until_it_is_answered(tmp_path: Path) -> None:
    assert not FeatureCache(tmp_path, limit=None).asked_before(key(1))
    cache = FeatureCache(tmp_path, limit=None)
    assert cache.asked_before(key(1)) and not cache.asked_before(key(2))
    (old,) = tmp_path.rglob(f"{key(2)}.asked")
    past = time.time() - ASKED_SECONDS - 60
    os.utime(old, (past, past))
    write(cache, 1)
    assert list(tmp_path.rglob("*.asked")) == []


def test_a_cache_of_no_size_writes_nothing(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=0)
    assert not cache.asked_before(key(1)) and not cache.asked_before(key(1))
    write(cache, 1)
    assert cache.read(key(1)) is None and cached(cache) == []


def test_a_full_disk_costs_nothing_but_the_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cache = FeatureCache(tmp_path, limit=None)
    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        write(cache, 1)
    assert cache.read(key(1)) is None
    assert [path.name for path in (tmp_path / "features").iterdir()] == [".lock"]


def test_the_limit_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for given_, meant in {"": None, "0": 0, "5GB": 5 * 10**9, "0.5 mb": 500_000, "300M": 3 * 10**8}.items():
        monkeypatch.setenv("BENCH_FEATURE_CACHE", given_)
        assert feature_cache.feature_limit() == meant
    monkeypatch.setenv("BENCH_FEATURE_CACHE", "plenty")
    with pytest.raises(BenchError, match=r"BENCH_FEATURE_CACHE 'plenty' is no size"):
        feature_cache.feature_limit()


def visit(folder: str, seed: int) -> None:
    """Reads and writes at random, and fails on numbers that are not the key's, and where the bound is passed."""
    random, cache = np.random.default_rng(seed), FeatureCache(Path(folder), limit=LIMIT)
    for number in random.integers(0, 6, 150).tolist():
        features = cache.read(key(number))
        if features is None:
            write(cache, number, 2000)
        else:
            assert np.array_equal(features, numbers(number, 2000))
        assert sum(entry.size for entry in cache.entries()) <= LIMIT


def test_two_processes_at_once(tmp_path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=visit, args=(str(tmp_path), seed)) for seed in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert cached(FeatureCache(tmp_path, limit=LIMIT))
    assert FEATURES in {path.name for path in tmp_path.rglob("*")}

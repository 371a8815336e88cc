"""How workers share the cores."""

from __future__ import annotations

import pytest

from bench import cores


@pytest.mark.parametrize(
    ("there", "workers", "threads", "spare"),
    [(2, 1, 1, True), (2, 2, 1, False), (2, 1, 2, False), (8, 2, 2, True), (8, 3, 2, False), (1, 1, 1, False)],
)
def test_a_core_is_spare_where_every_worker_has_its_threads_twice(
    monkeypatch: pytest.MonkeyPatch, there: int, workers: int, threads: int, spare: bool
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: there)
    assert cores.has_spare_cores(workers=workers, threads=threads) is spare


@pytest.mark.parametrize(("there", "workers", "threads"), [(8, 1, 8), (8, 3, 2), (2, 4, 1)])
def test_threads_of_all_workers_fit_the_cores(
    monkeypatch: pytest.MonkeyPatch, there: int, workers: int, threads: int
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: there)
    assert cores.threads_per_worker(workers) == threads

"""Shared by all tests: folders of their own, one torch thread, and the real recordings where they are at hand."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Numbers depend on the number of threads, so the tests fix it. Torch reads this when it is imported, which tests of text do
# without.
os.environ["OMP_NUM_THREADS"] = "1"
gc.set_threshold(50_000, 20, 20)  # as the command line has it

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of long tests begin first, so that no process is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def own_folders(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """No test reads or writes the user's own data, cache or results.

    Whether networks fit, and MLflow's empty database, are found out once for all long tests: they take seconds, and depend
    on the code alone, by which the cache folder names them.
    """
    cache, shared = tmp_path / "cache", tmp_path_factory.getbasetemp() / "known"
    monkeypatch.setenv("BENCH_CACHE_DIR", str(cache))
    monkeypatch.setenv("BENCH_RESULTS_DIR", str(tmp_path / "results"))
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    if shared.is_dir() and request.node.get_closest_marker("slow"):
        shutil.copytree(shared, cache)
    yield
    known = [path for pattern in ("feasibility.json", "mlflow-*.db") for path in cache.glob(pattern)]
    for path in known:
        shared.mkdir(exist_ok=True)
        if not (there := shared / path.name).is_file() or there.stat().st_size < path.stat().st_size:
            shutil.copyfile(path, there)


@pytest.fixture(autouse=True)
def own_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test has the plugins that another has installed."""
    before = list(sys.path)
    yield
    if sys.path != before and (registry := sys.modules.get("bench.plugins.registry")):
        registry.installed.cache_clear()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real recordings beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def spoken_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set of spoken digits, made once for all processes of a test run."""
    from filelock import FileLock

    from bench_plugins.datasets.spoken_digits import SpokenDigits

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "spoken-digits"
    root = folder / SpokenDigits.folder
    with FileLock(f"{folder}.lock"):
        if not root.is_dir():
            folder.mkdir()
            SpokenDigits().prepare(root, lambda done, total: None)
    return folder

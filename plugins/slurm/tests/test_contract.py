"""The executor keeps its contract. Run: pytest plugins/slurm"""

from __future__ import annotations

from bench.plugins.contract_tests import check_executor
from bench_slurm import bench_executors


def test_contract() -> None:
    (executor,) = bench_executors()
    check_executor(executor)

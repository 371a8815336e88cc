"""The executor `slurm`: every worker is a job of a SLURM cluster."""

from __future__ import annotations

from bench.plugins import ExecutorPlugin, hookimpl


@hookimpl
def bench_executors() -> list[ExecutorPlugin]:
    return [
        ExecutorPlugin(
            name="slurm", summary="Jobs of a SLURM cluster, one for each worker.", start="bench_slurm.cluster:start"
        )
    ]

"""Which GPU every worker of this machine has, and how many workers the GPUs make."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bench.errors import WrongUsage


def gpu_of_each(workers: int, gpus: Sequence[str]) -> tuple[str | None, ...]:
    """CUDA_VISIBLE_DEVICES of every worker: the GPUs in turn, so that each has as many as the others or one more.

    It is None for every worker if there are no GPUs.
    """
    return tuple(gpus[number % len(gpus)] if gpus else None for number in range(workers))


def count_workers(workers: int | None, per_gpu: int | None, *, device: str, gpus: int) -> int:
    """Number of workers on this machine: `workers` if it is given, or else `per_gpu` (1) on each GPU, or one on a CPU.

    Raises WrongUsage if the two contradict each other, or workers are asked for on GPUs that are not used.
    """
    if per_gpu is not None and device != "cuda":
        raise WrongUsage(
            "--workers-per-gpu says nothing on a CPU: give --workers, or --device cuda where there is a GPU"
        )
    made = (per_gpu or 1) * gpus if device == "cuda" else 1
    if workers is None:
        return made
    if per_gpu is not None and workers != made:
        there = f"{gpus} GPU{'s' if gpus > 1 else ''}"
        raise WrongUsage(
            f"--workers {workers} is not what --workers-per-gpu {per_gpu} makes on {there}, {made}: leave one of them out"
        )
    return workers


def visible_gpus() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES has to be for each of the GPUs that torch sees here: a number, or the id that was given."""
    import torch

    return named_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count())


def named_gpus(visible: str | None, count: int) -> tuple[str, ...]:
    """Names of the first `count` GPUs that the variable `visible` names: CUDA itself stops at one that it does not know."""
    if visible is None:
        return tuple(map(str, range(count)))
    return tuple(name.strip() for name in visible.split(","))[:count]

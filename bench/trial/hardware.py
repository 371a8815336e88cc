"""The machine that a trial ran on, with the versions of everything that its numbers depend on."""

from __future__ import annotations

import platform

import torch

from bench.plugins.registry import Registry
from bench.training.device import device_name
from bench.trial.trial_records import Hardware
from bench.version import VERSION


def hardware(device: torch.device, *, registry: Registry, compiled: bool = False) -> Hardware:
    """This machine and its versions, as a result records them.

    Args:
        device: Device that the trial runs on.
        registry: The plugins, whose packages' versions are recorded.
        compiled: Whether the steps of training run as code that torch.compile generated.
    """
    return Hardware(
        device=device_name(device),
        threads=torch.get_num_threads(),
        system=f"{platform.system()} {platform.machine()}",
        versions={
            "bench": VERSION,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            **registry.versions(),
        },
        compiled=compiled,
    )

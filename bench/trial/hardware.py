"""The machine that a trial ran on, with the versions of everything that its numbers depend on."""

from __future__ import annotations

import os
import platform

import torch

from bench.plugins.registry import Registry
from bench.training.device import device_name
from bench.trial.trial_records import Hardware, MachineLoad
from bench.version import VERSION


def load_average() -> float | None:
    """Number of processes of this machine that ran or waited for a core, mean over the last minute; None if unknown."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none, and a system may refuse to tell.
        return None


def load_since(start: float | None) -> MachineLoad | None:
    """Load of the machine over a trial that began with this load average."""
    end = load_average()
    if start is None or end is None:
        return None
    return MachineLoad(start=round(start, 2), end=round(end, 2), cores=os.cpu_count() or 1)


def installed_versions(registry: Registry) -> dict[str, str]:
    """Versions of python, torch, bench and the packages that bring plugins."""
    return {
        "bench": VERSION,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        **registry.versions(),
    }


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
        versions=installed_versions(registry),
        compiled=compiled,
    )

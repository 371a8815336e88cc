"""Chooses the device of trials, and moves networks and values to it."""

from __future__ import annotations

import math
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def choose_device(wanted: str) -> tuple[str, str]:
    """Chooses the device for `auto`, `cpu` or `cuda`.

    Returns:
        `cpu` or `cuda`, and a line that says why.

    Raises:
        BenchError: CUDA is asked for and torch sees none.
    """
    import torch

    if wanted not in ("auto", "cpu", "cuda"):
        raise BenchError(f"--device {wanted}: choose auto, cpu or cuda")
    if wanted == "cpu":
        return "cpu", "cpu, as asked for"
    if torch.cuda.is_available():
        gpus = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return "cuda", f"cuda ({gpus})"
    reason = (
        "this torch was built without CUDA"
        if torch.version.cuda is None
        else f"torch {torch.__version__} sees no NVIDIA driver or GPU"
    )
    if wanted == "cuda":
        raise BenchError(f"--device cuda: {reason}; use --device cpu, or check nvidia-smi and the driver")
    return "cpu", f"cpu, since {reason}"


def autocast(device: torch.device) -> torch.autocast:
    """Switches to bfloat16 on a GPU; on a CPU it is off, since it costs accuracy and saves nothing there."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def fastest_layout(values: Tensor) -> Tensor:
    """Puts [B, channels, bands, frames] on a GPU into channels last, which is fastest for bfloat16 convolutions.

    Other values are returned unchanged.
    """
    import torch

    if values.is_cuda and values.dim() == 4:
        return values.contiguous(memory_format=torch.channels_last)
    return values


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Moves a network to the device; on a GPU the weights of two-dimensional convolutions become channels last."""
    import torch

    layout: dict[str, Any] = {"memory_format": torch.channels_last} if device.type == "cuda" else {}
    return network.to(device, **layout)


def samples_limit(device: torch.device) -> float:
    """Bytes that a split's samples may take on the device.

    On a GPU that is half of the free memory, so that training has the other half; a CPU has no limit, since the samples are
    the pages of a file that is mapped.
    """
    import torch

    return torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else math.inf


def device_name(device: torch.device) -> str:
    """Names the hardware that a result is measured on, as `cpu (model)` or `cuda (GPU)`."""
    import torch

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({_processor()})"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class PeakMemory:
    """Measures peak memory since its construction: of the GPU, or of this process if the device is the CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)
        else:
            with suppress(OSError):  # Linux: resets the high-water mark that VmHWM reports
                Path("/proc/self/clear_refs").write_text("5")

    def megabytes(self) -> float | None:
        """Peak memory in MiB; None if the platform does not tell."""
        if self._device.type == "cuda":
            import torch

            return float(torch.cuda.max_memory_allocated(self._device)) / 2**20
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            return None

"""Whether all tensors of a forward pass are where the module is, as they must be on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.plugins.faults import fault, fault_place

if TYPE_CHECKING:
    from torch import Tensor, nn

OFF_THE_DEVICE = "takes tensors off their device ({}): use torch's operators where the input is, not .cpu() or NumPy"
ASKS_FOR_A_GPU = "asks for a GPU by itself ({}): the harness moves modules, and tensors are made on the input's device"


def check_one_device(module: nn.Module, *inputs: Tensor) -> None:
    """Runs a module on the meta device, which stands for a GPU here. Changes the module.

    A pass that reads values (`item`, `nonzero`), which the meta device does not have, is checked up to there.

    Args:
        module: The module of a feature, or a network.
        inputs: What it is called with.

    Raises:
        AssertionError: If a tensor stays behind, or is taken away.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    aten = torch.ops.aten
    moves = (aten.copy_, aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)  # between devices rightly

    class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.ndim]
            if len({tensor.device for tensor in tensors}) > 1 and func.overloadpacket not in moves:
                raise _TwoDevices(f"in {func.overloadpacket}")
            return func(*args, **(kwargs or {}))

    try:
        with OneDevice(), torch.no_grad():  # type: ignore[no-untyped-call]
            module.to("meta")(*(tensor.to("meta") for tensor in inputs))
    except Exception as error:
        if complaint := device_complaint(error):
            raise AssertionError(complaint) from error
        message = str(error)
        if isinstance(error, _TwoDevices) or ("cpu" in message and "meta" in message):
            raise AssertionError(
                f"a tensor stays on the CPU when the module moves to a device ({fault_place(error) or message}): keep it "
                "by register_buffer, or make it on the device of the input"
            ) from error


def device_complaint(error: Exception) -> str:
    """What a plugin did with devices that made torch raise this on the meta device; empty if it was something else."""
    message = str(error)
    if "Cannot copy out of meta tensor" in message or "to numpy" in message or "numpy()" in message:
        return OFF_THE_DEVICE.format(fault(error))
    if "NVIDIA" in message or "CUDA enabled" in message:
        return ASKS_FOR_A_GPU.format(fault_place(error) or message)
    return ""


class _TwoDevices(Exception):
    """An operation met tensors of two devices."""

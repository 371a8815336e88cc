"""Weights of a network as safetensors: names and tensors, and nothing that runs when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only looks for the file loads no torch
    from torch import Tensor, nn

WEIGHTS = "weights.safetensors"
"""Name of the file in a run's folder."""
WEIGHTS_OF_BEFORE = "weights.pt"
"""Name of the file of runs of before, in torch's own format."""


def weights_file(folder: Path) -> Path | None:
    """The file of weights in a run's folder; None if it has none."""
    return next((path for name in (WEIGHTS, WEIGHTS_OF_BEFORE) if (path := folder / name).is_file()), None)


def copied_weights(network: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer by its name, in memory of its own: weights that are tied are there under each name.

    A file of safetensors holds neither tensors that share memory nor ones that are not contiguous.
    """
    return {name: value.detach().clone().contiguous() for name, value in network.state_dict().items()}


def weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """The file, of what `copied_weights` gave."""
    from safetensors.torch import save

    return save({name: value.cpu() for name, value in weights.items()})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Reads a file of either format onto the CPU; of torch's own, tensors alone, so that nothing in it is run.

    Raises:
        Exception: What safetensors, pickle, zipfile and torch each raise where it is damaged.
    """
    if path.name == WEIGHTS_OF_BEFORE:
        import torch

        before: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return before
    from safetensors.torch import load_file

    return load_file(path)

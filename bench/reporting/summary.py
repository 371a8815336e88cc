"""Summarises a network layer by layer for a feature's shape, without data or training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.plugins import Model


@dataclass(frozen=True)
class ModelSummary:
    """The totals of a network for one clip, and torchinfo's table of its layers."""

    parameters: int
    trainable: int
    mult_adds: int
    """Multiply-add operations for one clip."""
    megabytes: float
    """Size of the input, the activations of a forward and backward pass, and the parameters in float32, in MB."""
    text: str
    """Table with one line per layer (output shape, kernel, parameters, multiply-adds), followed by the totals."""


def summarise(model: Model, shape: tuple[int, ...], classes: int) -> ModelSummary:
    """Builds a network on torch's meta device, which takes neither memory nor time, and summarises it.

    Args:
        model: The model.
        shape: Shape of one clip's feature, without the batch axis.
        classes: Number of classes.

    Raises:
        Infeasible: The model does not accept the shape.
    """
    import torch
    from torchinfo import summary

    from bench.plugins.networks import build_network

    with torch.device("meta"):
        network = build_network(model, shape, classes)
    totals = summary(
        network,
        input_size=(1, *shape),
        device="meta",
        depth=5,
        col_names=("output_size", "kernel_size", "num_params", "mult_adds"),
        row_settings=("var_names", "depth"),
        verbose=0,
    )
    size = totals.total_input + totals.total_output_bytes + totals.total_param_bytes
    return ModelSummary(
        parameters=totals.total_params,
        trainable=totals.trainable_params,
        mult_adds=totals.total_mult_adds,
        megabytes=size / 1e6,
        # torchinfo 1.8 prints the name of its enumeration for M, G and T.
        text=re.sub(r"Units\.([A-Z])[A-Z]+", r"\1", str(totals)),
    )

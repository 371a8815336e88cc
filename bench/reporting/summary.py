"""What a network is made of, layer by layer, for a feature's shape: no data and no training needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.plugins import Model


@dataclass(frozen=True)
class ModelSummary:
    """Totals of a network for one clip, and torchinfo's table of its layers."""

    parameters: int
    trainable: int
    mult_adds: int
    """Multiplications with additions for one clip."""
    megabytes: float
    """Input, activations of a forward and backward pass, and parameters, in float32."""
    text: str
    """One line a layer with output shape, kernel, parameters and mult-adds; then the totals."""


def summarise(model: Model, shape: tuple[int, ...], classes: int) -> ModelSummary:
    """Builds the network on the meta device, where it costs neither memory nor time, and sums it up.

    Raises Infeasible where the model cannot take the shape.
    """
    import torch
    from torchinfo import summary

    with torch.device("meta"):
        network = model.build(shape, classes)
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

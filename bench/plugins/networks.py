"""The networks of models as the harness builds and calls them: complete when they are built, and answering with logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.plugins.contracts import Model

if TYPE_CHECKING:
    from torch import Tensor, nn


class NotLogits(Exception):
    """A network answers with something other than logits [clips, classes]; the message says with what."""


def build_network(model: Model, shape: Sequence[int], classes: int) -> nn.Module:
    """Builds the network of a model, on torch's default device.

    Layers that find out their sizes by themselves (torch's lazy layers) find them out here, by a pass over two clips of
    zeros: an optimiser, a count of parameters and a device need to know their weights.

    Args:
        model: The model.
        shape: Shape of a feature of one clip.
        classes: Number of classes.

    Raises:
        ValueError: If the pass does not reach one of these layers.
        Exception: Whatever the model raises.
    """
    import torch

    network: nn.Module = model.build(tuple(shape), classes)
    if _lazy(network):
        mode = network.training
        network.eval()
        with torch.no_grad():
            network(torch.zeros(2, *shape))
        network.train(mode)
        if left := _lazy(network):
            raise ValueError(f"lazy layers that no input reaches have no size: {', '.join(left)}")
    return network


def _lazy(network: nn.Module) -> list[str]:
    """Names of the weights and buffers that have no size yet."""
    from torch.nn.parameter import is_lazy

    values = [*network.named_parameters(), *network.named_buffers()]
    return [name for name, value in values if is_lazy(value)]


def logits_of(answer: object, *, clips: int, classes: int) -> Tensor:
    """Returns what a network answered, which has to be logits [clips, classes].

    Raises:
        NotLogits: If it is no tensor, of another shape, or not of floating point.
    """
    from torch import Tensor

    if not isinstance(answer, Tensor):
        article = "an" if type(answer).__name__[0] in "aeiouAEIOU" else "a"
        raise NotLogits(
            f"the network answers with {article} {type(answer).__name__}, not with logits [clips, classes]: "
            "return the one tensor"
        )
    shape = list(answer.shape)
    if len(shape) == 2 and shape[0] == clips and shape[1] != classes:
        raise NotLogits(
            f"the network answers with {shape[1]} column{'s' * (shape[1] != 1)}, and the data set has {classes} classes: "
            "build its last layer for as many as `build` is told"
        )
    if shape != [clips, classes]:
        raise NotLogits(
            f"the network answers with the shape {shape}, not with logits [clips, classes], here {[clips, classes]}"
        )
    if not answer.is_floating_point():
        raise NotLogits(f"the network answers with {answer.dtype}, not with logits of floating point")
    return answer

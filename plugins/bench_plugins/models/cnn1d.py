"""One-dimensional convolutions on the waveform itself."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bench.plugins import Choice, Infeasible, Int, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.lengths import AnyLength, zero_past_end


class Cnn1d(Model):
    """Strided convolutions of the waveform with batch normalisation, global average pooling, one linear layer. Takes clips
    of any length.

    With its defaults the network of the cats-and-dogs reference system: 3,951 trainable parameters for two classes, 4,151
    with the running statistics. Its one sigmoid output z is returned as the logits (0, z), which is the same model; for
    more than two classes each has its own output.
    """

    name: ClassVar[str] = "cnn1d"
    any_length: ClassVar[bool] = True
    filters: Annotated[int, Choice(5, 10), Field(ge=1)] = 10
    """Channels of every convolution."""
    kernel: Annotated[int, Int(3, 5), Field(ge=1)] = 4
    """Samples (of the layer before) that a convolution spans."""
    stride: Annotated[int, Int(1, 3), Field(ge=1)] = 2
    """How far it moves on: each layer shortens a clip by this factor."""
    layers: Annotated[int, Field(ge=1)] = 10
    """Number of convolutions."""
    relu: bool = True
    """Whether a ReLU follows every normalisation."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        if len(shape) != 1:
            raise Infeasible(f"{self.name} takes a waveform [samples], not {list(shape)}")
        widths = (1, *(self.filters,) * (self.layers - 1))
        convolutions = [layer for inputs in widths for layer in self._convolution(inputs)]
        outputs = (nn.Linear(self.filters, 1), AgainstZero()) if classes == 2 else (nn.Linear(self.filters, classes),)
        return he_(AnyLength(nn.Unflatten(1, (1, -1)), *convolutions, nn.AdaptiveAvgPool1d(1), nn.Flatten(), *outputs))

    def _convolution(self, inputs: int) -> tuple[nn.Module, ...]:
        convolution = SameConv1d(inputs, self.filters, self.kernel, self.stride)
        return convolution, nn.BatchNorm1d(self.filters), *((nn.ReLU(),) if self.relu else ())


class SameConv1d(nn.Conv1d):
    """A convolution that gives ceil(n / stride) outputs for n inputs, padded as TensorFlow's "same" is.

    The zeros on the left are always (kernel - stride) // 2, so that a clip's outputs do not depend on what its batch is
    padded to; on the right stand as many as the last window needs. TensorFlow's are the same wherever the stride divides
    n, and at every n for kernel 4 with stride 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(inputs, outputs, kernel, stride)
        self.span, self.step, self.left = kernel, stride, max(0, (kernel - stride) // 2)

    def forward(self, inputs: Tensor) -> Tensor:
        samples = inputs.shape[-1]
        needed = (-(-samples // self.step) - 1) * self.step + self.span
        return super().forward(functional.pad(inputs, (self.left, max(0, needed - samples - self.left))))

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self(zero_past_end(inputs, lengths)), -(-lengths // self.step)


class AgainstZero(nn.Module):
    """The one output z of a sigmoid, [B, 1], as two logits (0, z): their softmax is (1 - sigmoid(z), sigmoid(z))."""

    def forward(self, outputs: Tensor) -> Tensor:
        return torch.cat((torch.zeros_like(outputs), outputs), dim=1)

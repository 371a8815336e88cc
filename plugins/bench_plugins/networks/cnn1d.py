"""The layers of the model `cnn1d`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, zero_past_end


def build(
    shape: tuple[int, ...], classes: int, *, filters: int, kernel: int, stride: int, layers: int, relu: bool
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    if len(shape) != 1:
        raise Infeasible(f"cnn1d takes a waveform [samples], not {list(shape)}")
    widths = (1, *(filters,) * (layers - 1))
    blocks = [layer for inputs in widths for layer in _block(inputs, filters, kernel=kernel, stride=stride, relu=relu)]
    outputs = (nn.Linear(filters, 1), AgainstZero()) if classes == 2 else (nn.Linear(filters, classes),)
    return he_(AnyLength(nn.Unflatten(1, (1, -1)), *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), *outputs))


def _block(inputs: int, outputs: int, *, kernel: int, stride: int, relu: bool) -> tuple[nn.Module, ...]:
    convolution = SameConv1d(inputs, outputs, kernel, stride)
    return convolution, nn.BatchNorm1d(outputs), *((nn.ReLU(),) if relu else ())


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

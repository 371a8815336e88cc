"""The layers of the model `acdnet`."""

from __future__ import annotations

from torch import Tensor, nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.shapes import require

BANDS = 64
"""Filters that the waveform is turned into, which the later layers take for bands."""
GROUPS = ((4, 1), (8, 2), (16, 2), (32, 2), (64, 2))
"""Channels, as a multiple of the width, and convolutions of every group of the image."""


def build(shape: tuple[int, ...], classes: int, *, width: int, pool: int, dropout: float) -> nn.Module:
    """Builds the network from [B, samples] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    if len(shape) != 1:
        raise Infeasible(f"acdnet takes [samples], not {list(shape)}: choose the feature waveform")
    least = 4 * pool * 2 ** len(GROUPS) + 16
    require(shape[0], at_least=least, what="samples", model="acdnet")
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 1, -1))]
    layers += _convolution(1, width, (1, 9), stride=(1, 2), padding=0)
    layers += _convolution(width, BANDS, (1, 5), stride=(1, 2), padding=0)
    layers += [nn.MaxPool2d((1, pool)), FiltersAsBands()]
    inputs = 1
    for channels, convolutions in GROUPS:
        for _ in range(convolutions):
            layers += _convolution(inputs, channels * width, (3, 3), stride=(1, 1), padding=1)
            inputs = channels * width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Dropout(dropout), *_convolution(inputs, classes, (1, 1), stride=(1, 1), padding=0)]
    return he_(AnyLength(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(classes, classes), least=least))


class FiltersAsBands(nn.Module):
    """[B, filters, 1, frames] to [B, 1, filters, frames]."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.transpose(1, 2)


def _convolution(
    inputs: int, outputs: int, kernel: tuple[int, int], *, stride: tuple[int, int], padding: int
) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()

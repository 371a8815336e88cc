"""The layers of the models `m3`, `m5`, `m11` and `m18`."""

from __future__ import annotations

from torch import nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength
from bench_plugins.networks.shapes import require

FIRST_KERNEL, STRIDE, POOL = 80, 4, 4


def build(
    shape: tuple[int, ...], classes: int, *, model: str, groups: tuple[tuple[int, int], ...], width: float
) -> nn.Module:
    """Builds the network from [B, samples] to logits [B, classes], as `bench.plugins.Model.build` promises.

    Args:
        shape: (samples,).
        classes: Number of classes.
        model: What the network is called where it refuses a shape.
        groups: Channels and convolutions of every group, after each of which a fourth of the frames is left.
        width: Factor on all channel counts.
    """
    if len(shape) != 1:
        raise Infeasible(f"{model} takes [samples], not {list(shape)}: choose the feature waveform")
    least = STRIDE * POOL ** len(groups)
    require(shape[0], at_least=least, what="samples", model=model)
    layers: list[nn.Module] = [nn.Unflatten(1, (1, -1))]
    inputs = 1
    for group, (channels, convolutions) in enumerate(groups):
        outputs = max(1, round(channels * width))
        for _ in range(convolutions):
            layers += _convolution(inputs, outputs, first=group == 0)
            inputs = outputs
        # The published networks have no pool after their last group but the mean over all frames.
        if group < len(groups) - 1 or group == 0:
            layers.append(nn.MaxPool1d(POOL))
    pooled = (nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(inputs, classes))
    return he_(AnyLength(*layers, *pooled, least=least))


def _convolution(inputs: int, outputs: int, *, first: bool) -> tuple[nn.Module, ...]:
    if first:
        convolution = nn.Conv1d(1, outputs, FIRST_KERNEL, stride=STRIDE, padding=FIRST_KERNEL // 2 - STRIDE // 2)
    else:
        convolution = nn.Conv1d(inputs, outputs, 3, padding=1)
    return convolution, nn.BatchNorm1d(outputs), nn.ReLU()

"""Networks for clips of any length: what pads a short clip in a batch changes nothing of its logits.

Batches come padded with zeros on the left (see `bench.plugins.Model.any_length`). Every clip is rolled to the front, so that
strides and pools meet it as they would meet it alone; then the usual layers run, and each is kept from what lies past a
clip's end. Where all clips have one length, the layers run as they are, at no cost.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

Windowed = nn.Conv1d | nn.Conv2d | nn.MaxPool1d | nn.MaxPool2d


@runtime_checkable
class Timed(Protocol):
    """A layer of our own that mixes frames, and so has to know where each clip ends."""

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and their lengths, int64 [B], of inputs [B, ..., frames] whose clips begin at the first frame. What lies
        past a clip's end is to change nothing, whatever it holds."""


class AnyLength(nn.Sequential):
    """Layers in a row, from [B, ..., frames] to logits [B, classes].

    `least` is the fewest frames that its pools leave something of: a shorter clip gets zeros before it, up to there.
    """

    def __init__(self, *layers: nn.Module, least: int = 1) -> None:
        super().__init__(*layers)
        self.least = least

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        missing = self.least - inputs.shape[-1]
        if missing > 0:
            inputs = functional.pad(inputs, (missing, 0))
        if lengths is None:
            logits: Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]
            return logits
        lengths = lengths.clamp(min=self.least)
        return through(self, to_front(inputs, lengths), lengths)[0]


class LastStates(nn.Module):
    """LSTM layers over time, [B, inputs, frames] to [B, layers * hidden]: the state of each after a clip's last frame.

    Layers of their own rather than one nn.LSTM, which gives the states of inner layers at the batch's last frame alone.
    """

    def __init__(self, inputs: int, hidden: int, *, layers: int = 1) -> None:
        super().__init__()
        widths = (inputs, *(hidden,) * (layers - 1))
        self.layers = nn.ModuleList(nn.LSTM(width, hidden, batch_first=True) for width in widths)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps, states = inputs.transpose(1, 2), []
        clips = torch.arange(len(inputs), device=inputs.device)
        for layer in self.layers:
            steps = layer(steps)[0]
            states.append(steps[:, -1] if lengths is None else steps[clips, lengths - 1])
        return torch.cat(states, dim=1)

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self(inputs, lengths), torch.ones_like(lengths)


def through(layer: nn.Module, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's outputs and their lengths, for clips of these lengths that begin at the first frame.

    Max pooling has to follow a ReLU, so that a zero past a clip's end is never its maximum. Layers that are not named here
    are taken to treat every frame by itself.
    """
    match layer:
        case Timed():
            return layer.timed(inputs, lengths)
        case nn.Sequential():
            for part in layer:
                inputs, lengths = through(part, inputs, lengths)
            return inputs, lengths
        case nn.Conv1d() | nn.Conv2d() | nn.MaxPool1d() | nn.MaxPool2d():
            return layer(zero_past_end(inputs, lengths)), windows(layer, lengths)
        case _BatchNorm() if layer.training and inputs.ndim > 2:  # two: clips, after the pooling
            return _normalised(layer, inputs, lengths), lengths
        case nn.AdaptiveAvgPool1d() | nn.AdaptiveAvgPool2d():
            return _mean(inputs, lengths), torch.ones_like(lengths)
        case _:
            return layer(inputs), lengths


def to_front(inputs: Tensor, lengths: Tensor) -> Tensor:
    """[B, ..., frames] with every clip moved from the end to the beginning; what stood before it follows."""
    frames = inputs.shape[-1]
    index = (torch.arange(frames, device=inputs.device) - lengths[:, None]) % frames
    return inputs.gather(-1, _per_frame(index, inputs).expand_as(inputs))


def zero_past_end(inputs: Tensor, lengths: Tensor) -> Tensor:
    """[B, ..., frames] with zeros past each clip's end."""
    return inputs.masked_fill(~_per_frame(_inside(inputs, lengths), inputs), 0.0)


def windows(layer: Windowed, lengths: Tensor) -> Tensor:
    """How many outputs a convolution or a pool gives for so many frames."""
    if layer.padding == "same":
        return lengths
    kernel, stride, padding, dilation = (
        int(option[-1] if isinstance(option, tuple) else option)
        for option in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    return (lengths + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _inside(inputs: Tensor, lengths: Tensor) -> Tensor:
    """bool [B, frames]: whether a frame is the clip's own."""
    return torch.arange(inputs.shape[-1], device=inputs.device) < lengths[:, None]


def _per_frame(values: Tensor, inputs: Tensor) -> Tensor:
    """[B, frames] to [B, 1, ..., frames], as many dimensions as the inputs have."""
    return values.view(len(values), *(1,) * (inputs.ndim - 2), -1)


def _mean(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Mean over each clip's own frames, and over the bands where there are any: [B, channels, 1] or [B, channels, 1, 1]."""
    over_bands = inputs if inputs.ndim == 3 else inputs.mean(dim=2, keepdim=True)
    total = zero_past_end(over_bands, lengths).sum(dim=-1, keepdim=True)
    return total / lengths.view(-1, *(1,) * (inputs.ndim - 1))


def _normalised(layer: _BatchNorm, inputs: Tensor, lengths: Tensor) -> Tensor:
    """Batch normalisation in training, by the mean and variance of the clips' own frames; under autocast in float32."""
    running_mean, running_var, seen = layer.running_mean, layer.running_var, layer.num_batches_tracked
    assert running_mean is not None and running_var is not None and seen is not None and layer.momentum is not None
    channels = (1, -1, *(1,) * (inputs.ndim - 2))
    others = [dimension for dimension in range(inputs.ndim) if dimension != 1]
    inside = _per_frame(_inside(inputs, lengths), inputs)
    count = lengths.sum() * (inputs[0, 0].numel() // inputs.shape[-1])
    values = inputs.to(layer.weight.dtype)
    mean = (values * inside).sum(others) / count
    centred = values - mean.view(channels)
    variance = (centred.square() * inside).sum(others) / count
    with torch.no_grad():
        seen.add_(1)
        running_mean.lerp_(mean, layer.momentum)
        running_var.lerp_(variance * count / (count - 1).clamp_min(1), layer.momentum)
    scale = layer.weight * (variance + layer.eps).rsqrt()
    return torch.addcmul(layer.bias.view(channels), centred, scale.view(channels)).to(inputs.dtype)

"""The layers of the model `bc-resnet`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.plugins import Infeasible
from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, through
from bench_plugins.networks.shapes import as_image, image_shape

SUB_BANDS = 5
STAGES = ((1.0, 2, 1, 1), (1.5, 2, 2, 2), (2.0, 4, 2, 4), (2.5, 4, 1, 8))
"""Of every stage: channels as a multiple of the base, blocks, stride over bands of the first, dilation over frames."""
TAIL_KERNEL = 5


def build(shape: tuple[int, ...], classes: int, *, tau: float, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, _frames = image_shape(shape, model="bc-resnet")
    base = round(8 * tau)
    inputs, left = 2 * base, _halved(bands)
    stem = nn.Conv2d(channels, inputs, 5, stride=(2, 1), padding=2, bias=False)
    layers = [as_image(shape), stem, nn.BatchNorm2d(inputs), nn.ReLU()]
    for multiple, blocks, stride, dilation in STAGES:
        outputs = round(multiple * base)
        for number in range(blocks):
            over_bands = stride if number == 0 else 1
            left = _halved(left) if over_bands == 2 else left
            _require_sub_bands(left, bands)
            layers.append(BroadcastBlock(inputs, outputs, stride=over_bands, dilation=dilation, dropout=dropout))
            inputs = outputs
    last = 4 * base
    layers += [
        nn.Conv2d(inputs, inputs, TAIL_KERNEL, padding=(0, TAIL_KERNEL // 2), groups=inputs, bias=False),
        *(nn.Conv2d(inputs, last, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, classes)),
    ]
    return he_(AnyLength(*layers))


def _halved(bands: int) -> int:
    return (bands + 1) // 2


def _require_sub_bands(left: int, bands: int) -> None:
    if left % SUB_BANDS:
        raise Infeasible(
            f"bc-resnet takes bands that its strides leave a multiple of {SUB_BANDS} of, as 40 and 80, not {bands}"
        )


class SubSpectralNorm(nn.Module):
    """Batch normalisation of every channel in five sub-bands by itself. Chang et al., 2021 (arXiv:2103.13620)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels * SUB_BANDS)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.norm(_in_sub_bands(inputs)).view(inputs.shape)  # type: ignore[no-any-return]

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return through(self.norm, _in_sub_bands(inputs), lengths)[0].view(inputs.shape), lengths


def _in_sub_bands(inputs: Tensor) -> Tensor:
    """[B, channels, bands, frames] to [B, channels * 5, bands / 5, frames]."""
    clips, channels, bands, frames = inputs.shape
    return inputs.reshape(clips, channels * SUB_BANDS, bands // SUB_BANDS, frames)


class BroadcastBlock(nn.Module):
    """Convolutions over bands, and the same over frames of what the bands have in common, which is added to each of them."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.stays = inputs == outputs
        widen = (nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
        over_bands = nn.Conv2d(outputs, outputs, (3, 1), stride=(stride, 1), padding=(1, 0), groups=outputs, bias=False)
        over_frames = nn.Conv2d(
            outputs, outputs, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=outputs, bias=False
        )
        self.of_bands = nn.Sequential(*(() if self.stays else widen), over_bands, SubSpectralNorm(outputs))
        self.of_frames = nn.Sequential(
            *(over_frames, nn.BatchNorm2d(outputs), nn.SiLU()),
            *(nn.Conv2d(outputs, outputs, 1, bias=False), nn.Dropout2d(dropout)),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        bands = self.of_bands(inputs)
        return self._joined(inputs, bands, self.of_frames(bands.mean(dim=2, keepdim=True)))

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        bands, _ = through(self.of_bands, inputs, lengths)
        frames, _ = through(self.of_frames, bands.mean(dim=2, keepdim=True), lengths)
        return self._joined(inputs, bands, frames), lengths

    def _joined(self, inputs: Tensor, bands: Tensor, frames: Tensor) -> Tensor:
        together = bands + frames
        return torch.relu(together + inputs if self.stays else together)

"""The layers of the models `cnn6`, `cnn10` and `cnn14`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.lengths import AnyLength, through, zero_past_end
from bench_plugins.networks.shapes import as_image, image_shape, require


def build(
    shape: tuple[int, ...],
    classes: int,
    *,
    model: str,
    blocks: int,
    kernels: tuple[int, ...],
    width: int,
    dropout: float,
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises.

    Args:
        shape: [bands, frames] or [channels, bands, frames].
        classes: Number of classes.
        model: What the network is called where it refuses a shape.
        blocks: Number of blocks; channels double from one to the next.
        kernels: Bands and frames that each convolution of a block spans.
        width: Channels of the first block.
        dropout: Share dropped after every block; before and after the layer that follows the pooling 0.5 is published.
    """
    channels, bands, _frames = image_shape(shape, model=model)
    least = 2**blocks
    require(bands, at_least=least, what="bands", model=model)
    layers: list[nn.Module] = [as_image(shape), OverBands(channels, bands)]
    inputs, outputs = channels, width
    for block in range(blocks):
        outputs = width * 2**block
        for kernel in kernels:
            convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers += [HalvedByMean(2), nn.Dropout(dropout)]
    after = min(2.5 * dropout, 0.9)
    last = (nn.Dropout(after), nn.Linear(outputs, outputs), nn.ReLU(), nn.Dropout(after), nn.Linear(outputs, classes))
    return he_(AnyLength(*layers, MaxAndMean(), *last, least=least))


class OverBands(nn.Module):
    """Batch normalisation of every band by itself, [B, channels, bands, frames] to the same shape."""

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels * bands)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.norm(inputs.flatten(1, 2)).view(inputs.shape)  # type: ignore[no-any-return]

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return through(self.norm, inputs.flatten(1, 2), lengths)[0].view(inputs.shape), lengths


class HalvedByMean(nn.AvgPool2d):
    """Means of bands and frames in twos; a last frame that is left over is dropped."""

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self(inputs), lengths // 2  # Means that reach past a clip's end are past its end, too.


class MaxAndMean(nn.Module):
    """[B, channels, bands, frames] to [B, channels]: the mean over bands, its maximum over time plus its mean over time."""

    def forward(self, inputs: Tensor) -> Tensor:
        frames = inputs.mean(dim=2)
        return frames.amax(dim=-1) + frames.mean(dim=-1)

    def timed(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        # What comes here was rectified, so that a zero past a clip's end is never its maximum.
        frames = zero_past_end(inputs.mean(dim=2), lengths)
        pooled = frames.amax(dim=-1) + frames.sum(dim=-1) / lengths[:, None]
        return pooled, torch.ones_like(lengths)

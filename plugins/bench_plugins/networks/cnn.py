"""The layers of the model `cnn`."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.shapes import as_image, image_shape


def build(
    shape: tuple[int, ...], classes: int, *, channels: int, blocks: int, batch_norm: bool, dropout: float
) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model="cnn")
    layers: list[nn.Module] = [as_image(shape)]
    for block in range(blocks):
        outputs = channels * 2**block
        layers += _block(inputs, outputs, batch_norm=batch_norm)
        # The padding of 2 adds one at either side, before the pooling halves.
        inputs, bands, frames = outputs, (bands + 2) // 2, (frames + 2) // 2
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs * bands * frames, classes)]
    return he_(nn.Sequential(*layers))


def _block(inputs: int, outputs: int, *, batch_norm: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
    return [nn.Conv2d(inputs, outputs, kernel_size=3, padding=2), *norm, nn.ReLU(), nn.MaxPool2d(2)]

"""The layers of the model `cnn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench_plugins.networks.initialisation import he_
from bench_plugins.networks.shapes import as_image, image_shape

if TYPE_CHECKING:
    from bench_plugins.models.cnn import Cnn


def build(config: Cnn, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    inputs, bands, frames = image_shape(shape, model=config.name)
    layers: list[nn.Module] = [as_image(shape)]
    for block in range(config.blocks):
        outputs = config.channels * 2**block
        layers += _block(config, inputs, outputs)
        # The padding of 2 adds one at either side, before the pooling halves.
        inputs, bands, frames = outputs, (bands + 2) // 2, (frames + 2) // 2
    layers += [nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(inputs * bands * frames, classes)]
    return he_(nn.Sequential(*layers))


def _block(config: Cnn, inputs: int, outputs: int) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(outputs)] if config.batch_norm else []
    return [nn.Conv2d(inputs, outputs, kernel_size=3, padding=2), *norm, nn.ReLU(), nn.MaxPool2d(2)]

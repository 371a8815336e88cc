"""Plain convolutional network over the spectrogram as an image."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from bench.plugins import Choice, Float, Int, Model
from bench_plugins.models.initialisation import he_
from bench_plugins.models.shapes import as_image, image_shape


class Cnn(Model):
    """Blocks of 3x3 convolution, ReLU and 2x2 max pooling, then one linear layer; the channels double from block to block.

    With its defaults the baseline of the spoken-digit reference system: 143,242 parameters at [128, 44] and 10 classes.
    """

    name: ClassVar[str] = "cnn"
    channels: Annotated[int, Choice(8, 16, 32), Field(ge=1)] = 16
    """Channels of the first block."""
    blocks: Annotated[int, Int(3, 5), Field(ge=1)] = 4
    """Number of blocks, each of which halves bands and frames."""
    batch_norm: Annotated[bool, Choice(False, True)] = False
    """Batch normalisation after every convolution (the published network has none)."""
    dropout: Annotated[float, Float(0.0, 0.5), Field(ge=0, lt=1)] = 0.0
    """Share of activations dropped before the linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        inputs, bands, frames = image_shape(shape, model=self.name)
        layers: list[nn.Module] = [as_image(shape)]
        for block in range(self.blocks):
            outputs = self.channels * 2**block
            layers += self._block(inputs, outputs)
            # The padding of 2 adds a row at either side, before the pooling halves.
            inputs, bands, frames = outputs, (bands + 2) // 2, (frames + 2) // 2
        layers += [nn.Flatten(), nn.Dropout(self.dropout), nn.Linear(inputs * bands * frames, classes)]
        return he_(nn.Sequential(*layers))

    def _block(self, inputs: int, outputs: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(outputs)] if self.batch_norm else []
        return [nn.Conv2d(inputs, outputs, kernel_size=3, padding=2), *norm, nn.ReLU(), nn.MaxPool2d(2)]

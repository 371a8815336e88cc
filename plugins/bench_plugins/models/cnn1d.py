"""One-dimensional convolutions on the waveform itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Int, Model

if TYPE_CHECKING:
    from torch import nn


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
        from bench_plugins.networks import cnn1d

        return cnn1d.build(
            shape,
            classes,
            filters=self.filters,
            kernel=self.kernel,
            stride=self.stride,
            layers=self.layers,
            relu=self.relu,
        )

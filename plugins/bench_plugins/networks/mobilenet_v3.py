"""The layers of the model `mobilenet-v3`: torchvision's network, for images of any number of channels."""

from __future__ import annotations

from torch import nn

from bench_plugins.networks.shapes import as_image, image_shape, require

LEAST = 32
"""Bands and frames that five halvings leave something of."""


def build(shape: tuple[int, ...], classes: int, *, width: float, dropout: float) -> nn.Module:
    """Builds the network from [B, *shape] to logits [B, classes], as `bench.plugins.Model.build` promises."""
    channels, bands, frames = image_shape(shape, model="mobilenet-v3")
    require(bands, at_least=LEAST, what="bands", model="mobilenet-v3")
    require(frames, at_least=LEAST, what="frames", model="mobilenet-v3")
    # torchvision loads a good deal of image code, which no other network needs.
    from torchvision.models import mobilenet_v3_large

    network = mobilenet_v3_large(width_mult=width, num_classes=classes, dropout=dropout)
    published = network.features[0][0]
    network.features[0][0] = nn.Conv2d(
        channels,
        published.out_channels,
        published.kernel_size,
        stride=published.stride,
        padding=published.padding,
        bias=False,
    )
    nn.init.kaiming_normal_(network.features[0][0].weight, mode="fan_out")  # as torchvision starts the others
    return nn.Sequential(as_image(shape), network)

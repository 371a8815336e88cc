"""The convolutional networks of PANNs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Float, Model

if TYPE_CHECKING:
    from torch import nn


class _Pann(Model):
    """Blocks of convolutions with average pooling. Kong et al., 2020 (arXiv:1912.10211). Takes clips of any length."""

    any_length: ClassVar[bool] = True
    blocks: ClassVar[int]
    """Number of blocks."""
    kernels: ClassVar[tuple[int, ...]]
    """Bands and frames that each convolution of a block spans."""
    width: Annotated[int, Choice(16, 32, 64), Field(ge=1)] = 64
    """Channels of the first block, which double from block to block (published: 64). Half of it is a quarter of the work."""
    dropout: Annotated[float, Float(0.0, 0.3), Field(ge=0, lt=1)] = 0.2
    """Share of the values dropped after every block; two and a half times as many around the layer before the classes."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import panns

        return panns.build(
            shape,
            classes,
            model=self.name,
            blocks=self.blocks,
            kernels=self.kernels,
            width=self.width,
            dropout=self.dropout,
        )


class Cnn6(_Pann):
    """CNN6: four blocks of one 5x5 convolution, 4,572,234 parameters at 10 classes and 64 bands. Takes clips of any length.

    Kong et al., 2020 (arXiv:1912.10211).
    """

    name: ClassVar[str] = "cnn6"
    in_default_search: ClassVar[bool] = False
    blocks: ClassVar[int] = 4
    kernels: ClassVar[tuple[int, ...]] = (5,)


class Cnn10(_Pann):
    """CNN10: four blocks of two 3x3 convolutions, 4,954,058 parameters at 10 classes and 64 bands. Takes clips of
    any length.

    Kong et al., 2020 (arXiv:1912.10211).
    """

    name: ClassVar[str] = "cnn10"
    in_default_search: ClassVar[bool] = False
    blocks: ClassVar[int] = 4
    kernels: ClassVar[tuple[int, ...]] = (3, 3)


class Cnn14(_Pann):
    """CNN14: six blocks of two 3x3 convolutions, 79,694,282 parameters at 10 classes and 64 bands. Takes clips of
    any length.

    Kong et al., 2020 (arXiv:1912.10211).
    """

    name: ClassVar[str] = "cnn14"
    in_default_search: ClassVar[bool] = False
    blocks: ClassVar[int] = 6
    kernels: ClassVar[tuple[int, ...]] = (3, 3)

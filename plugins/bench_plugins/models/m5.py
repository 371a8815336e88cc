"""Deep convolutions over the waveform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice, Model

if TYPE_CHECKING:
    from torch import nn


class _WaveformCnn(Model):
    """Convolutions over the waveform: the first spans 80 samples in steps of 4, the others 3 frames. Dai et al., 2016
    (arXiv:1610.00087), at 8 kHz. Takes clips of any length."""

    any_length: ClassVar[bool] = True
    groups: ClassVar[tuple[tuple[int, int], ...]]
    """Channels and convolutions of every group."""
    width: Annotated[float, Choice(0.25, 0.5, 1.0), Field(gt=0)] = 1.0
    """Factor on all channel counts."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from bench_plugins.networks import m5

        return m5.build(shape, classes, model=self.name, groups=self.groups, width=self.width)


class M5(_WaveformCnn):
    """M5: four convolutions over the waveform, 559,114 parameters at 10 classes. Takes clips of any length.

    Dai et al., 2016 (arXiv:1610.00087), at 8 kHz.
    """

    name: ClassVar[str] = "m5"
    groups: ClassVar[tuple[tuple[int, int], ...]] = ((128, 1), (128, 1), (256, 1), (512, 1))


class M11(_WaveformCnn):
    """M11: ten convolutions over the waveform, 1,786,442 parameters at 10 classes. Takes clips of any length.

    Dai et al., 2016 (arXiv:1610.00087), at 8 kHz.
    """

    name: ClassVar[str] = "m11"
    in_default_search: ClassVar[bool] = False
    groups: ClassVar[tuple[tuple[int, int], ...]] = ((64, 1), (64, 2), (128, 2), (256, 3), (512, 2))


class M18(_WaveformCnn):
    """M18: seventeen convolutions over the waveform, 3,683,786 parameters at 10 classes. Takes clips of any length.

    Dai et al., 2016 (arXiv:1610.00087), at 8 kHz.
    """

    name: ClassVar[str] = "m18"
    in_default_search: ClassVar[bool] = False
    groups: ClassVar[tuple[tuple[int, int], ...]] = ((64, 1), (64, 4), (128, 4), (256, 4), (512, 4))

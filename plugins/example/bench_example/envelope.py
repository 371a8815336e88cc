"""A small front end: the loudness of a few frequency bands, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from bench.plugins import Choice, Feature

if TYPE_CHECKING:
    from torch import nn


class BandEnvelope(Feature):
    """Logarithm of the power in equally wide frequency bands, [bands, frames], from frames that do not overlap."""

    name: ClassVar[str] = "band-envelope"
    bands: Annotated[int, Choice(16, 32)] = 32
    """Number of bands."""
    frame: Annotated[int, Choice(512, 1024)] = 512
    """Length of a frame, in samples; the last one is filled with zeros."""

    def build(self) -> nn.Module:
        # Imported here, and with it torch: commands that train nothing do not wait for it.
        from bench_example.envelope_module import Envelope

        return Envelope(self.bands, self.frame)

    def shape(self, samples: int) -> tuple[int, ...]:
        return self.bands, -(-samples // self.frame)

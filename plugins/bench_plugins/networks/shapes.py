"""How a network reads a feature's shape: as an image with channels, or as a sequence of vectors."""

from __future__ import annotations

from torch import nn

from bench.plugins import Infeasible


def image_shape(shape: tuple[int, ...], *, model: str) -> tuple[int, int, int]:
    """(channels, bands, frames) of [bands, frames] or [channels, bands, frames]. Raises Infeasible on a waveform."""
    match shape:
        case (bands, frames):
            return 1, bands, frames
        case (channels, bands, frames):
            return channels, bands, frames
        case _:
            raise Infeasible(f"{model} takes [bands, frames] or [channels, bands, frames], not {list(shape)}")


def as_image(shape: tuple[int, ...]) -> nn.Module:
    """[B, bands, frames] to [B, 1, bands, frames]; what has channels already is left as it is."""
    return nn.Unflatten(1, (1, shape[0])) if len(shape) == 2 else nn.Identity()


def as_sequence(shape: tuple[int, ...]) -> nn.Module:
    """[B, channels, bands, frames] to [B, channels * bands, frames]; what has no channels is left as it is."""
    return nn.Identity() if len(shape) == 2 else nn.Flatten(1, 2)


def require(size: int, *, at_least: int, what: str, model: str) -> None:
    """Raises Infeasible where a shape is too small for the network's pooling."""
    if size < at_least:
        raise Infeasible(f"{model} needs at least {at_least} {what}, not {size}")

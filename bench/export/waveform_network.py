"""A front end and a network as one module, traced by torch.export."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from bench.errors import BenchError, one_line
from bench.export.rewriting import Rewriting, numbers_of_clips_unknown
from bench.results.load_network import LoadedNetwork

Made = TypeVar("Made")


class WaveformNetwork(nn.Module):
    """float32 waveforms [B, samples] in -1..1 to probabilities [B, classes] and to the features between the two."""

    def __init__(self, front_end: nn.Module, network: nn.Module | None, rewriting: Rewriting | None = None) -> None:
        super().__init__()
        self.front_end = front_end
        self.network = network
        self.rewriting = rewriting

    def forward(self, waveform: Tensor) -> tuple[Tensor, ...]:
        with self.rewriting or nullcontext():
            features = self.front_end(waveform)
            if self.network is None:
                return (features,)
            return self.network(features).softmax(dim=1), features


@dataclass(frozen=True)
class Exported(Generic[Made]):
    """What was made of a network."""

    made: Made
    fixed: str = ""
    """Why it takes waveforms of one length alone; empty if it takes any."""


def export_parts(
    loaded: LoadedNetwork, make: Callable[[WaveformNetwork, bool], Made], rewriting: Rewriting
) -> Exported[Made]:
    """Makes something of a network, and says which of its parts it cannot be made of.

    Args:
        loaded: The network and its front end.
        make: Makes it, given the module and whether waveforms may have any length.
        rewriting: What is written otherwise on the way.

    Raises:
        BenchError: If it cannot be made, with the part and the reason.
    """
    front_end = loaded.front_end
    whole = WaveformNetwork(front_end.module, loaded.network, rewriting)
    fixed = _fixed(loaded)
    if not fixed:
        try:
            return Exported(make(whole, True))
        except Exception as error:  # torch.export raises whatever the code that it traces raises, and more
            fixed = reason_of(error)
    try:
        return Exported(make(whole, False), fixed)
    except Exception as error:
        reason = reason_of(error)
    try:
        make(WaveformNetwork(front_end.module, None, rewriting), False)
    except Exception as error:
        raise BenchError(f'front end "{front_end.feature.name}" cannot be exported: {reason_of(error)}') from None
    raise BenchError(f'network "{loaded.name}" cannot be exported: {reason}')


def traced(module: WaveformNetwork, *, samples: int, any_length: bool) -> ExportedProgram:
    """Traces a module for any number of waveforms, of any length or of so many samples.

    Raises:
        Exception: Whatever the module raises, and what torch.export says of it.
    """
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC if any_length else Dim.STATIC},)
    with torch.no_grad(), numbers_of_clips_unknown(module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that an LSTM lists twice, which nobody can do anything about
        return torch.export.export(module.eval(), (torch.zeros(3, samples),), dynamic_shapes=shapes, strict=False)


def _fixed(loaded: LoadedNetwork) -> str:
    """Why a network can only be exported for one length; empty if it may be for any."""
    if not loaded.any_length:
        return f"{loaded.name} takes clips of one length"
    if len(loaded.front_end.feature.shape(loaded.width)) == 1:
        # To trace ten strided convolutions over an unknown number of samples takes torch's symbolic shapes for ever.
        return f"{loaded.name} reads samples, whose number is fixed in an export"
    return ""


def reason_of(error: BaseException) -> str:
    """What an exporter says, in one line: the message of the first cause, without the advice around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    first = str(error).strip().split("\n\n")[0]
    return f"{type(error).__name__}: {one_line(Exception(first))[:300]}"

"""Operations that are traced as others, since exporters cannot take them as they are, or a runtime is slow with them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Fourier = Literal["operator", "matrix", "faster"]
"""How short-time Fourier transforms of float32 are written: as one operator, as a convolution with the window's cosines and
sines, or as whichever onnxruntime is faster with. float64 is always the operator, since onnxruntime has no convolution of
it."""
MOST_TAPS = 768
"""Samples of a window beyond which onnxruntime is faster with the operator, measured: see docs/deploy.md."""


@torch.library.custom_op("bench::lstm", mutates_args=())
def _lstm(
    input: Tensor,
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


@_lstm.register_fake
def _(
    input: Tensor,
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    directions = 2 if bidirectional else 1
    outputs = input.new_empty(*input.shape[:2], directions * hx[0].shape[-1])
    return outputs, torch.empty_like(hx[0]), torch.empty_like(hx[1])


class Rewriting(TorchFunctionMode):
    """Active while a module is traced.

    An LSTM is traced as one operation: torch takes it apart into its steps, of which there are then hundreds, and of one
    number alone.
    """

    def __init__(self, fourier: Fourier) -> None:
        super().__init__()
        self._fourier = fourier

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        options = options or {}
        if function is torch.lstm and len(arguments) == 9 and isinstance(arguments[1], list | tuple):
            return torch.ops.bench.lstm(arguments[0], list(arguments[1]), list(arguments[2]), *arguments[3:])
        if function is torch.stft and self._fourier != "operator":
            return _stft(*arguments, **options, most_taps=MOST_TAPS if self._fourier == "faster" else None)
        return function(*arguments, **options)


@contextmanager
def numbers_of_clips_unknown(*parts: nn.Module) -> Iterator[None]:
    """While this lasts, `len(tensor)` in the code of these modules is a size that may vary, as `tensor.shape[0]` is.

    Python wants an integer of `len`, so that a tracer takes the number of clips for a constant. As torch.fx.wrap does,
    the name is replaced in the files that use it.
    """
    names = {type(module).__module__ for part in parts for module in part.modules()}
    files = [vars(sys.modules[name]) for name in names if name in sys.modules and not name.startswith("torch.")]
    patched = [content for content in files if "len" not in content]
    for content in patched:
        content["len"] = _length
    try:
        yield
    finally:
        for content in patched:
            del content["len"]


def _length(of: Any) -> Any:
    return of.shape[0] if isinstance(of, Tensor) else len(of)


def with_operations_of_torch(program: ExportedProgram) -> ExportedProgram:
    """The program with LSTMs as torch itself has them, so that nothing of bench is needed to run it."""
    for node in program.graph.nodes:
        if node.target is torch.ops.bench.lstm.default:
            node.target = torch.ops.aten.lstm.input
    program.graph_module.recompile()
    return program


def _stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
    *,
    most_taps: int | None = None,
) -> Tensor:
    """torch.stft of real float32 waveforms [B, samples] as a convolution; everything else is left to torch."""
    hop, taps = hop_length or n_fft // 4, win_length or n_fft
    plain = input.ndim == 2 and input.dtype == torch.float32 and return_complex and onesided is not False
    if window is None or not plain or align_to_window or (most_taps is not None and taps > most_taps):
        return torch.stft(
            input, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex
        )
    signal = input[:, None]
    if center:
        signal = functional.pad(signal, (n_fft // 2, n_fft // 2), mode=pad_mode)
    before = (n_fft - taps) // 2  # outside of the window all is zero, and need not be multiplied
    signal = signal[..., before : signal.shape[-1] - (n_fft - taps - before)]
    filters = _waves(n_fft, before, taps) * window
    if normalized:
        filters = filters / math.sqrt(n_fft)
    real, imaginary = functional.conv1d(signal, filters[:, None], stride=hop).chunk(2, dim=1)
    return torch.view_as_complex(torch.stack((real, imaginary), dim=-1))


def _waves(points: int, first: int, taps: int) -> Tensor:
    """Cosines and negative sines of all frequencies of a transform, [2 * bins, taps], rounded once from float64.

    Made by NumPy, so that a tracer takes them for the constant that they are.
    """
    bins, samples = np.arange(points // 2 + 1)[:, None], np.arange(first, first + taps)
    angles = 2 * np.pi / points * (bins * samples % points)
    return torch.from_numpy(np.concatenate((np.cos(angles), -np.sin(angles))).astype(np.float32))

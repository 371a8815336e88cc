"""The module of the feature `speech-embedding`: a mel spectrogram and convolutions, with the published weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

FULL_SCALE = 32768.0
"""The network was trained on samples of 16 bits."""
LEAST_POWER, DYNAMIC_RANGE = 1e-10, 80.0
"""Power that is silence, and dB under a clip's loudest band from which on nothing is told apart."""
LEAK, FLOOR = 0.2, -0.4
"""Slope of the activations below zero, and their least value."""
POOLS = {2: (2, 2), 6: (1, 2), 10: (2, 2), 14: (1, 2), 18: (2, 2)}
"""Frames and bands of the pool that follows a convolution."""


class EmbeddedSpeech(nn.Module):
    """Waveforms [B, samples] at 16 kHz to embeddings [B, 96, windows].

    No layer looks past the ends of a clip in time, so that one pass over the whole clip gives what the published network
    gives for every window by itself.
    """

    sines: Tensor
    filters: Tensor

    def __init__(
        self, spectrogram: list[NDArray[Any]], convolutions: list[NDArray[Any]], *, hop: int, around: tuple[int, int]
    ) -> None:
        """Takes constants of the published files.

        Args:
            spectrogram: Sines and cosines under the window [bins, 512], each, and mel filters [bins, 32].
            convolutions: Weights [outputs, inputs, frames, bands] and biases [outputs], in turn.
            hop: Samples from one frame of the spectrogram to the next.
            around: Zeros that every clip gets before and after it, in samples.
        """
        super().__init__()
        self.hop, self.around = hop, around
        first, second, filters = spectrogram
        self.register_buffer("sines", torch.from_numpy(np.concatenate([first, second])[:, None]), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)
        self.weights: list[tuple[str, str]] = []
        for number, (weight, bias) in enumerate(zip(convolutions[::2], convolutions[1::2], strict=True)):
            self.register_buffer(f"weight_{number}", torch.from_numpy(weight), persistent=False)
            self.register_buffer(f"bias_{number}", torch.from_numpy(bias), persistent=False)
            self.weights.append((f"weight_{number}", f"bias_{number}"))

    @classmethod
    def from_wheel(cls, *, hop: int, around: tuple[int, int]) -> EmbeddedSpeech:
        """Reads the weights from where pyopen-wakeword is installed; for `hop` and `around` see `__init__`."""
        spec = importlib.util.find_spec("pyopen_wakeword")
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent / "models"
        spectrogram = list(_constants(folder / "melspectrogram.tflite", {"CONV_2D": (1,), "BATCH_MATMUL": (1,)}))
        convolutions = list(_constants(folder / "embedding_model.tflite", {"CONV_2D": (1, 2)}))
        return cls(
            [array.squeeze() for array in spectrogram],
            [np.ascontiguousarray(a.transpose(0, 3, 1, 2)) if a.ndim == 4 else a for a in convolutions],
            hop=hop,
            around=around,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        return self._embedded(self._mel(functional.pad(waveforms, self.around))[:, None])

    def _mel(self, waveforms: Tensor) -> Tensor:
        """[B, samples] to decibels in the units of the network, [B, frames, 32]."""
        parts = functional.conv1d(FULL_SCALE * waveforms[:, None], self.sines, stride=self.hop)
        first, second = parts.chunk(2, dim=1)
        power = (first.square() + second.square()).transpose(1, 2) @ self.filters
        decibels = 10.0 * power.clamp_min(LEAST_POWER).log10()
        floor = decibels.amax(dim=(1, 2), keepdim=True) - DYNAMIC_RANGE
        return torch.maximum(decibels, floor) / 10.0 + 2.0

    def _embedded(self, image: Tensor) -> Tensor:
        """[B, 1, frames, 32] to [B, 96, windows]."""
        for number, (weight, bias) in enumerate(self.weights):
            kernel = getattr(self, weight)
            # Over bands there are zeros past both ends, but for the last layer, of one band; over time there are none.
            image = functional.conv2d(image, kernel, getattr(self, bias), padding=(0, kernel.shape[3] // 2))
            if number < len(self.weights) - 1:
                image = functional.leaky_relu(image, LEAK).clamp_min(FLOOR)
            if number in POOLS:
                image = functional.max_pool2d(image, POOLS[number])
        return image[..., 0]


def _constants(file: Path, wanted: dict[str, tuple[int, ...]]) -> Iterator[NDArray[Any]]:
    """The constant inputs, float32, of the operators of some kinds in a TFLite file, in their order.

    Args:
        file: The file.
        wanted: Numbers of the inputs by kind of operator.
    """
    import tflite

    model = tflite.Model.GetRootAsModel(file.read_bytes(), 0)
    graph = model.Subgraphs(0)
    kinds = {number: kind for kind, number in vars(tflite.BuiltinOperator).items() if not kind.startswith("_")}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = kinds[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        for position in wanted.get(kind, ()):
            tensor = graph.Tensors(operator.Inputs(position))
            content = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
            yield np.frombuffer(bytearray(content), dtype=np.float32).reshape(tensor.ShapeAsNumpy())

"""Whether an exported file says of clips what the harness says: it runs inside the harness's own evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.errors import BenchError
from bench.plugins import Feature, TrainingSettings
from bench.results.load_network import LoadedNetwork
from bench.training.device_clips import DeviceClips
from bench.training.evaluator import Evaluator
from bench.training.frontend import FrontEnd

PROBABILITY_TOLERANCE = 1e-4
"""Difference of two probabilities of the same class that is taken for rounding."""
NOISE_CLIPS = 16
"""Clips of noise that stand for those that are not at hand."""

Runner = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An exported file: float32 waveforms [B, samples] to probabilities [B, classes]."""


@dataclass(frozen=True)
class Agreement:
    """How an exported file compares with the harness.

    Attributes:
        clips: Number of clips.
        same_class: Number of clips for which both name the same class.
        largest: Largest difference of two probabilities.
        of: What the clips are.
        accuracy: Share of the clips that the file gets right, 0 to 1.
        harness_accuracy: Share that the harness gets right.
    """

    clips: int
    same_class: int
    largest: float
    of: str
    accuracy: float
    harness_accuracy: float

    @property
    def same(self) -> bool:
        """Whether both name the same classes, and give the same probabilities but for rounding."""
        return self.same_class == self.clips and self.largest <= PROBABILITY_TOLERANCE

    def require(self) -> None:
        """Raises BenchError if they differ."""
        if not self.same:
            raise BenchError(
                f"the export is not what the harness runs: the same class for {self.same_class:,} of {self.clips:,} "
                f"{self.of}, probabilities differ by up to {self.largest:.1e} "
                f"({PROBABILITY_TOLERANCE:g} is allowed); nothing is written"
            )


def compare_with_harness(
    run: Runner, loaded: LoadedNetwork, clips: DeviceClips, settings: TrainingSettings, *, classes: int, of: str
) -> Agreement:
    """Evaluates clips by the harness and by an exported file, whose input is cut and padded alike."""
    expected = evaluated(loaded.network, loaded.front_end, clips, settings, classes)
    samples = FrontEnd(_Samples(sample_rate=loaded.front_end.feature.sample_rate), torch.device("cpu"))
    given = evaluated(_AsNetwork(run), samples, clips, settings, classes)
    targets = clips.targets.numpy()
    return Agreement(
        clips=len(expected),
        same_class=int((expected.argmax(axis=1) == given.argmax(axis=1)).sum()),
        largest=float(np.abs(expected - given).max()),
        of=of,
        accuracy=float((given.argmax(axis=1) == targets).mean()),
        harness_accuracy=float((expected.argmax(axis=1) == targets).mean()),
    )


def evaluated(
    network: nn.Module, front_end: FrontEnd, clips: DeviceClips, settings: TrainingSettings, classes: int
) -> NDArray[np.float32]:
    """Probabilities of clips as the harness evaluates them, [clips, classes]."""
    evaluate = Evaluator(clips, front_end, settings, classes=classes, cache=False)
    probabilities: NDArray[np.float32] = evaluate(network).probabilities.numpy()
    return probabilities


def noise_clips(samples: int) -> DeviceClips:
    """White noise of falling levels, the same every time, where clips of the data set are not at hand."""
    random = np.random.default_rng(0)
    levels = np.geomspace(8000, 3, NOISE_CLIPS)[:, None]
    noise = (random.standard_normal((NOISE_CLIPS, samples)) * levels).clip(-32768, 32767).astype(np.int16)
    return DeviceClips(
        ids=tuple(map(str, range(NOISE_CLIPS))),
        groups=("",) * NOISE_CLIPS,
        targets=torch.zeros(NOISE_CLIPS, dtype=torch.int64),
        samples=torch.from_numpy(noise),
        lengths=torch.full((NOISE_CLIPS,), samples),
    )


class _Samples(Feature):
    """The waveform as it is: an exported file has its front end inside."""

    name = "samples"

    def build(self) -> nn.Module:
        return nn.Identity()

    def shape(self, samples: int) -> tuple[int, ...]:
        return (samples,)


class _AsNetwork(nn.Module):
    """An exported file in the place of a network: waveforms to the logarithms of its probabilities."""

    def __init__(self, run: Runner) -> None:
        super().__init__()
        self._run = run
        self.device = nn.Parameter(torch.zeros(()), requires_grad=False)  # by which the evaluation knows the device

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None:
            return self._log(waveforms)
        # Clips of their own lengths come padded on the left; a file is given each on its own.
        return torch.cat(
            [self._log(waveform[None, len(waveform) - length :]) for waveform, length in zip(waveforms, lengths)]  # noqa: B905
        )

    def _log(self, waveforms: Tensor) -> Tensor:
        probabilities = torch.from_numpy(np.asarray(self._run(waveforms.contiguous().numpy())))
        # The softmax behind it would hide that they do not sum up to 1.
        wrong = (probabilities.sum(dim=1, keepdim=True) - 1).abs() > PROBABILITY_TOLERANCE
        return probabilities.clamp_min(1e-38).log().masked_fill(wrong, math.nan)

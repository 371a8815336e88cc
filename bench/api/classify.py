"""From recordings of any length to probabilities: stretches, windows of the clip length, batches, rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.audio_file import Recording, UnreadableClip, decode
from bench.errors import WrongUsage

if TYPE_CHECKING:
    from bench.plugins import TrainingSettings
    from bench.results.load_network import LoadedNetwork

WINDOWS_AT_ONCE = 256
"""Windows that are classified at once: the audio of more is not in memory, but for the file that is being read."""
SHORTEST_STEP = 0.01
"""Seconds below which a window, or a step between windows, is taken for a slip."""
LAST_WINDOW = 0.5
"""Share of a window from which on what is left at the end of a recording is a window of its own."""

Unreadable = Callable[[str, str], None]
"""Called with the path of a file that cannot be read, and why."""


@dataclass(frozen=True)
class Cutting:
    """How recordings are cut before they are classified, in seconds.

    Attributes:
        clip: The clip length of the network.
        window: Length of the stretches that get a row each; None for whole recordings.
        hop: Step from stretch to stretch; None for the window's length.
    """

    clip: float
    window: float | None = None
    hop: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("hop", self.hop)):
            if value is not None and not (_is_number(value) and SHORTEST_STEP <= value < math.inf):
                raise WrongUsage(f"--{name} {value}: give seconds, at least {SHORTEST_STEP:g}")

    def stretches(self, recording: Recording) -> Iterator[tuple[float, float]]:
        """Start and end of everything that gets a row: the whole recording, or windows that may overlap."""
        if self.window is None and self.hop is None:
            yield 0.0, recording.seconds
        else:
            window = self.window or self.clip
            yield from _steps(0.0, recording.seconds, window, self.hop or window)

    def windows(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Start and end of the consecutive windows of the clip length in a stretch, whose probabilities are averaged."""
        yield from _steps(start, end, self.clip, self.clip)


@dataclass(frozen=True)
class Stretch:
    """A part of a file, as the int16 samples of its windows at the network's rate."""

    file: str
    start: float
    """Seconds into the file."""
    end: float
    windows: tuple[NDArray[np.int16], ...]


@dataclass(frozen=True)
class Classified:
    """What the network says of a part of a file."""

    file: str
    start: float
    end: float
    probabilities: NDArray[np.float32]
    """Of every class, [classes]."""


def stretches_of(
    paths: Iterable[str], cutting: Cutting, *, sample_rate: int, unreadable: Unreadable
) -> Iterator[Stretch]:
    """Decodes one file after another, and cuts them."""
    for path in paths:
        try:
            recording = decode(Path(path))
        except UnreadableClip as error:
            unreadable(path, str(error))
            continue
        yield from cut(recording, path, cutting, sample_rate=sample_rate)


def cut(recording: Recording, file: str, cutting: Cutting, *, sample_rate: int) -> Iterator[Stretch]:
    """Cuts a recording. Every window is resampled by itself, as clips that are stretches of a file are."""
    for start, end in cutting.stretches(recording):
        windows = tuple(recording.stretch(*part).at(sample_rate) for part in cutting.windows(start, end))
        yield Stretch(file, start, end, windows)


def classified(
    stretches: Iterable[Stretch], loaded: LoadedNetwork, settings: TrainingSettings, *, seconds: float, classes: int
) -> Iterator[Classified]:
    """Classifies stretches in batches, in their order.

    Args:
        stretches: The stretches.
        loaded: The network and its front end.
        settings: How clips are cut into segments or keep their lengths, as in training.
        seconds: The clip length.
        classes: Number of classes.
    """
    for batch in _batches(stretches):
        windows = [window for stretch in batch for window in stretch.windows]
        of_window = _probabilities(windows, loaded, settings, seconds=seconds, classes=classes)
        ends = np.cumsum([len(stretch.windows) for stretch in batch])[:-1]
        for stretch, of_its_windows in zip(batch, np.split(of_window, ends), strict=True):
            yield Classified(stretch.file, stretch.start, stretch.end, of_its_windows.mean(axis=0))


@dataclass(frozen=True)
class TableLayout:
    """Which columns a table of predictions has, and which classes it names.

    Attributes:
        labels: Class names, in the order of the probabilities.
        times: Whether there are the columns `start` and `end`, in seconds.
        top: How many classes have a row each, the most probable first, with the column `rank`; None for one row, of the
            most probable class, with one more column a class.
        threshold: Probability, 0 to 1, below which a class is not named: of several rows those that are below are left out,
            and where nothing is left, one row stands with an empty label.
    """

    labels: Sequence[str]
    times: bool = False
    top: int | None = None
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.top is not None and (not isinstance(self.top, int) or isinstance(self.top, bool) or self.top < 1):
            raise WrongUsage(f"--top {self.top}: give how many classes, at least 1")
        if not (_is_number(self.threshold) and 0 <= self.threshold <= 1):
            raise WrongUsage(f"--threshold {self.threshold}: give a probability, 0 to 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        times = ("start", "end") if self.times else ()
        return ("file", *times, *(("rank",) if self.top else ()), "label", "probability", *self._classes)

    def rows(self, one: Classified) -> list[tuple[Any, ...]]:
        """The rows of one prediction, with a value a column."""
        order = np.argsort(-one.probabilities, kind="stable")[: self.top or 1]
        likely = [index for index in order if one.probabilities[index] >= self.threshold]
        front = (one.file, *((one.start, one.end) if self.times else ()))
        every = tuple(map(float, one.probabilities)) if self._classes else ()
        return [
            (
                *front,
                *((rank,) if self.top else ()),
                self.labels[index] if likely else "",
                float(one.probabilities[index]),
                *every,
            )
            for rank, index in enumerate(likely or order[:1], start=1)
        ]

    @property
    def _classes(self) -> tuple[str, ...]:
        return () if self.top else tuple(self.labels)


def _steps(start: float, end: float, length: float, step: float) -> Iterator[tuple[float, float]]:
    """Windows from `start`, at least one; the last may be cut off, down to half of it."""
    count = max(1, int((end - start - length * LAST_WINDOW) / step + 1 + 1e-6))
    for number in range(count):
        first = start + number * step
        yield first, min(first + length, end)


def _batches(stretches: Iterable[Stretch]) -> Iterator[list[Stretch]]:
    batch: list[Stretch] = []
    size = 0
    for stretch in stretches:
        batch.append(stretch)
        size += len(stretch.windows)
        if size >= WINDOWS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _probabilities(
    windows: Sequence[NDArray[np.int16]],
    loaded: LoadedNetwork,
    settings: TrainingSettings,
    *,
    seconds: float,
    classes: int,
) -> NDArray[np.float32]:
    """Probabilities of every class, [windows, classes], by the evaluation of the harness itself."""
    import torch

    from bench.training.device_clips import DeviceClips
    from bench.training.evaluator import Evaluator

    common = round(seconds * loaded.front_end.feature.sample_rate)
    width = max(1, max(map(len, windows)) if settings.lengths == "own" else common)
    padded = np.zeros((len(windows), width), np.int16)
    for row, window in zip(padded, windows, strict=True):
        row[: len(window)] = window[:width]
    clips = DeviceClips(
        ids=tuple(map(str, range(len(windows)))),
        groups=("",) * len(windows),
        targets=torch.zeros(len(windows), dtype=torch.int64),
        samples=torch.from_numpy(padded),
        lengths=torch.tensor([len(window) for window in windows]),
    )
    evaluate = Evaluator(clips, loaded.front_end, settings, classes=classes, cache=False)
    probabilities: NDArray[np.float32] = evaluate(loaded.network).probabilities.numpy()
    return probabilities


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)

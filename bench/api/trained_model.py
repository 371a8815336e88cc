"""A trained network that can be called: with files of any rate, channels and length, or with waveforms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.api.calling import keywords_in_errors
from bench.api.plugins import with_classes
from bench.data.audio_file import Recording, UnreadableClip, decode
from bench.errors import BenchError, one_line
from bench.plugins.contracts import Plugin
from bench.plugins.registry import CALLER, Registry
from bench.results.load_network import LoadedNetwork, load_network
from bench.results.study_folder import StudyFolder, find_run, located
from bench.results.study_records import RunRecord

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

FILES_AT_ONCE = 64
"""Files whose audio is in memory at the same time."""
MOST_CHANNELS = 32
"""Channels of a waveform beyond which its first axis is taken for samples, and the waveform is refused."""
LOUDEST = 32.0
"""Largest value of a waveform that is taken for one in -1..1, some 30 dB beyond its full scale."""
LAST_WINDOW = 0.5
"""Share of a window from which on what is left at the end of a recording is a window of its own."""


class TrainedModel:
    """A network with its front end, as a final or a reproduction has trained it. It runs on the CPU.

    A recording goes through what a clip goes through in the harness: it is mixed to mono, resampled, and padded with
    zeros at its end to the clip length. One of 1.5 clip lengths or more is cut into windows of the clip length, whose
    probabilities are averaged; a shorter one gives the very probabilities that the run has on record for such a clip.
    """

    def __init__(self, loaded: LoadedNetwork, run: RunRecord, labels: tuple[str, ...], seconds: float) -> None:
        self._loaded = loaded
        self._training = run.spec.training
        self._name = f"{run.study}/{run.name}, {run.spec.model.name} on {run.spec.feature.name}"
        self.labels = labels
        """Class names, in the order of the network's outputs."""
        self.sample_rate = loaded.front_end.feature.sample_rate
        """Samples per second, in Hz, of what the front end is given."""
        self.seconds = seconds
        """Clip length, in seconds, that the network was trained on."""

    @property
    def front_end(self) -> nn.Module:
        """The module from float32 waveforms [B, samples] in -1..1 at `sample_rate` to features [B, ...]."""
        return self._loaded.front_end.module

    @property
    def network(self) -> nn.Module:
        """The module from features [B, ...] to logits [B, classes], in evaluation mode."""
        return self._loaded.network

    def predict(self, files: str | PathLike[str] | Iterable[str | PathLike[str]]) -> pd.DataFrame:
        """Classifies audio files of any format that the harness reads, any sample rate, number of channels and length.

        Args:
            files: One file or several.

        Returns:
            One row a file, in the order given: `file`, `label` (the most probable class), `probability` (of that class, 0 to
            1), and one column a class with its probability.

        Raises:
            BenchError: If a file cannot be read, or it is no path.

        Example:
            >>> model.predict(["a.wav", "b.flac"])
        """
        paths = _paths(files)
        batches = iter(paths)
        probabilities = [
            self._probabilities(_recordings(batch)) for batch in iter(lambda: list(islice(batches, FILES_AT_ONCE)), [])
        ]
        table = self._table(
            np.concatenate(probabilities) if probabilities else np.empty((0, len(self.labels)), np.float32)
        )
        table.insert(0, "file", _text(map(str, paths)))
        return table

    def predict_waveform(self, waveform: ArrayLike, *, sample_rate: int) -> pd.Series:
        """Classifies one waveform.

        Args:
            waveform: Floats in -1..1 or 16-bit integers, [samples] or [channels, samples].
            sample_rate: Samples per second, in Hz.

        Returns:
            `label`, `probability` and one probability a class, as a row of `predict`.

        Raises:
            BenchError: If it is not an array of that shape, is empty, or holds values that are not numbers.
        """
        return self._table(self._probabilities([_recording(waveform, sample_rate)])).iloc[0].rename(None)

    def __repr__(self) -> str:
        clips = f"clips of {self.seconds:g} s at {self.sample_rate} Hz"
        return f"<TrainedModel {self._name}: {len(self.labels)} classes, {clips}>"

    def _table(self, probabilities: NDArray[np.float32]) -> pd.DataFrame:
        import pandas as pd

        table = pd.DataFrame(probabilities, columns=pd.Index(self.labels))
        best = probabilities.argmax(axis=1)
        table.insert(0, "label", _text(self.labels[index] for index in best))
        table.insert(1, "probability", probabilities[np.arange(len(best)), best])
        return table

    def _probabilities(self, recordings: Sequence[Recording]) -> NDArray[np.float32]:
        """Probabilities of every class, [recordings, classes]."""
        import torch

        from bench.training.device_clips import DeviceClips
        from bench.training.evaluator import Evaluator

        windows = [list(self._windows(recording)) for recording in recordings]
        samples = [window for of_one in windows for window in of_one]
        width = max(map(len, samples)) if self._training.lengths == "own" else round(self.seconds * self.sample_rate)
        padded = np.zeros((len(samples), width), np.int16)
        for row, window in zip(padded, samples, strict=True):
            row[: len(window)] = window[:width]
        clips = DeviceClips(
            ids=tuple(map(str, range(len(samples)))),
            groups=("",) * len(samples),
            targets=torch.zeros(len(samples), dtype=torch.int64),
            samples=torch.from_numpy(padded),
            lengths=torch.tensor([len(window) for window in samples]),
        )
        classes = len(self.labels)
        evaluate = Evaluator(clips, self._loaded.front_end, self._training, classes=classes, cache=False)
        probabilities = evaluate(self.network).probabilities.numpy()
        ends = np.cumsum([len(of_one) for of_one in windows])[:-1]
        return np.stack([of_one.mean(axis=0) for of_one in np.split(probabilities, ends)])

    def _windows(self, recording: Recording) -> Iterator[NDArray[np.int16]]:
        """Consecutive stretches of the clip length at the model's sample rate: at least one, the last perhaps shorter."""
        count = max(1, int(recording.seconds / self.seconds + 1 - LAST_WINDOW + 1e-6))
        for number in range(count):
            start = number * self.seconds
            yield recording.stretch(start, min(start + self.seconds, recording.seconds)).at(self.sample_rate)


@keywords_in_errors()
def load_model(run: str | Path, *, plugins: Iterable[type[Plugin]] = ()) -> TrainedModel:
    """The trained network of a final or a reproduction.

    Args:
        run: The run's folder, as `bench-results/recordings-1/final-1-seed-0`, or its name in the results folder,
            `recordings-1/final-1-seed-0`; a study stands for the median seed of its best configuration.
        plugins: The classes that the study was begun with beside the installed plugins.

    Raises:
        BenchError: If there is no such run, it has no weights, or its plugins have changed.
    """
    study, record = find_run(*located(run))
    return load_run(study, record, registry=with_classes(plugins))


def load_run(study: StudyFolder, run: RunRecord, *, registry: Registry) -> TrainedModel:
    """The trained network of a run on record. Raises BenchError as `load_model` does."""
    spec, hardware = run.spec, run.result.hardware
    missing = registry.lacks(("feature", spec.feature.name), ("model", spec.model.name))
    if missing and hardware is not None and CALLER in hardware.versions:
        raise BenchError(
            f"{', '.join(missing)} of {run.study}/{run.name} is a class of the script that trained it: "
            "give it, plugins=[...]"
        )
    data = (study.reproduction() if study.is_reproduction() else study.record()).data.of_fold(run.spec.fold)
    return TrainedModel(load_network(study, run, data, registry), run, data.labels, data.seconds)


def _paths(files: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[str | PathLike[str]]:
    """The files as a list. Raises BenchError if they are something else."""
    paths = [files] if isinstance(files, str | PathLike) or not isinstance(files, Iterable) else list(files)
    for path in paths:
        if not isinstance(path, str | PathLike):
            raise BenchError(f"predict takes paths of audio files, not {type(path).__name__}: see predict_waveform")
    return paths


def _text(values: Iterable[str]) -> pd.Series[str]:
    import pandas as pd

    return pd.Series(list(values), dtype="str")


def _recordings(paths: Sequence[str | PathLike[str]]) -> list[Recording]:
    recordings = []
    for path in paths:
        try:
            recordings.append(decode(Path(path)))
        except UnreadableClip as error:
            raise BenchError(f"{path} cannot be classified ({error}): leave it out, or mend it") from None
    return recordings


def _recording(waveform: ArrayLike, sample_rate: int) -> Recording:
    """A waveform in the form of a decoded file. Raises BenchError."""
    try:
        array = np.asarray(waveform)
    except Exception as error:  # what arrays of other libraries, and lists that are no table, raise
        raise BenchError(f"the waveform is no array of numbers ({one_line(error)[:200]})") from None
    if array.dtype == np.int16:
        array = array / np.float32(32768)
    if array.ndim == 2 and array.shape[0] > max(MOST_CHANNELS, array.shape[1]):
        raise BenchError(
            f"a waveform of several channels is [channels, samples], and this one is {list(array.shape)}: "
            "give its transpose, waveform.T"
        )
    if array.ndim == 2 and array.size:
        array = array.mean(axis=0)
    if array.ndim != 1 or not array.size or array.dtype.kind != "f":
        raise BenchError(
            f"a waveform is an array of floats in -1..1 or of int16, [samples] or [channels, samples], not {array.dtype} "
            f"{list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise BenchError("the waveform holds values that are not numbers (NaN or infinity)")
    if np.abs(array).max() > LOUDEST:
        raise BenchError(
            f"the waveform has values up to {np.abs(array).max():.4g}, of floats in -1..1: divide it by its full scale"
        )
    if not (isinstance(sample_rate, int | float | np.number) and 1 <= sample_rate < np.inf):
        raise BenchError(f"a sample rate is a number of samples per second, not {sample_rate!r}")
    return Recording(array.astype(np.float32), int(sample_rate))

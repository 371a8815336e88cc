"""What a registered model runs: paths of recordings to classes, by an exported ONNX file, onnxruntime, soundfile and soxr.

MLflow keeps a copy of this file beside the network and imports that, where bench need not be installed: nothing here may
import it. A recording goes through what `bench predict` does with it, but for the mending of odd files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import soundfile
import soxr
from numpy.typing import NDArray

AT_ONCE = 64
"""Windows that the network is given at once."""


def _load_pyfunc(path: str) -> AudioClassifier:
    """What MLflow calls with the path of the network."""
    return AudioClassifier(path)


class AudioClassifier:
    """A network with its front end, and what it has to be told of its input, which is in the file's metadata."""

    def __init__(self, path: str) -> None:
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        about = self._session.get_modelmeta().custom_metadata_map
        self._labels: list[str] = json.loads(about["labels"])
        self._rate, self._width = int(about["sample_rate"]), int(about["samples"])
        self._clip_seconds, self._segment_peak = float(about["clip_seconds"]), float(about["segment_peak"])
        self._segments, self._own_lengths = about["segments"] == "yes", about["lengths"] == "own"

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Classifies recordings.

        Args:
            model_input: A table whose first column has their paths; MLflow makes one of a list.
            params: None are known.

        Returns:
            Of every recording `label`, `probability` and the probability of each class.

        Raises:
            soundfile.LibsndfileError: If a file cannot be read; the message has its path.
        """
        rows = []
        for path in model_input.iloc[:, 0]:
            probabilities = self._probabilities(path)
            best = int(probabilities.argmax())
            rows.append((self._labels[best], float(probabilities[best]), *map(float, probabilities)))
        return pd.DataFrame(rows, columns=["label", "probability", *self._labels])

    def _probabilities(self, path: str) -> NDArray[np.float32]:
        """The mean over the windows of a recording of that over the segments of each, [classes]."""
        of_windows = [self._of_window(window) for window in self._windows(path)]
        mean: NDArray[np.float32] = np.mean(of_windows, axis=0)
        return mean

    def _windows(self, path: str) -> Iterator[NDArray[np.float32]]:
        """Windows of the clip length one after another, in steps of 16 bits; the last may lack up to a half."""
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if not len(sound):
            raise ValueError(f"{path} holds no samples")
        mono, seconds = sound.mean(axis=1), len(sound) / rate
        for number in range(max(1, int(seconds / self._clip_seconds + 0.5 + 1e-6))):
            start = number * self._clip_seconds
            window = mono[round(start * rate) : round(min(start + self._clip_seconds, seconds) * rate)]
            resampled = window if rate == self._rate else soxr.resample(window, rate, self._rate, quality="HQ")
            yield (np.rint(resampled * 32768).clip(-32768, 32767) / 32768).astype(np.float32)

    def _of_window(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities of a window, [classes]."""
        inputs = self._inputs(window)
        batches = [inputs[first : first + AT_ONCE] for first in range(0, len(inputs), AT_ONCE)]
        outputs = [self._session.run(["probabilities"], {"waveform": batch})[0] for batch in batches]
        mean: NDArray[np.float32] = np.concatenate(outputs).mean(axis=0)
        return mean

    def _inputs(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network is given of a window, [inputs, samples]: segments that are loud enough, or all of it."""
        if not self._segments:
            width = max(1, len(window)) if self._own_lengths else self._width
            return _padded(window, width)[None]
        count = max(1, (2 * len(window) + self._width) // (2 * self._width))
        segments = _padded(window, count * self._width).reshape(count, self._width)
        loudest = np.abs(segments).max(axis=1)
        loud: NDArray[np.float32] = segments[loudest >= np.float32(self._segment_peak) * loudest.max()]
        return loud


def _padded(window: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """A window with zeros at its end, or without what is beyond `width`."""
    padded: NDArray[np.float32] = np.pad(window[:width], (0, max(0, width - len(window))))
    return padded
